-------------------------------- MODULE Edge --------------------------------
(* Edge: the outside. A client injects messages through the agent and reads and acknowledges mail to the agent. *)
EXTENDS Runtime

CONSTANTS
    Labels,     \* the programs that may be injected
    Targets,    \* the actors to which they may be sent
    Modes       \* "queue", "signal" or both

(* Replace what a runtime and the store hold by an update that is retried until it succeeds. *)
Change(r, new) ==
    /\ db' = IF Grouped THEN db ELSE new
    /\ view' = [view EXCEPT ![r] = IF Grouped \/ Cardinality(Runtimes) = 1 THEN new ELSE [@ EXCEPT !.heads[Agent] = new.heads[Agent]]]

(* A client sends a message. The reply waits until the head of the agent that holds the message is durable. If another
   runtime moved that head, the injection is tried again from the new one. A signal that is already the last message makes no
   step, and one that is an older message of its chain is refused. runtime.agent.inject, runtime.agent.inject-refused *)
Inject(r, to, label, mode) ==
    LET target == Target(r)
        last == LastMessage(target, to)
        message == IF mode = "queue" THEN Append(last, <<label>>) ELSE <<<<label>>>>
        new == AgentStep(target, InboxOf(target.heads[Agent]), [OutboxOf(target.heads[Agent]) EXCEPT ![to] = message])
    IN  /\ left.injections > 0
        /\ mode = "signal" => OnChain(message, last) = FALSE
        /\ left' = [left EXCEPT !.injections = @ - 1]
        /\ Change(r, new)
        /\ IF Grouped /\ Broken # "answered-early"
           THEN /\ memory' = [memory EXCEPT ![r] = Tidy([@ EXCEPT !.open = Append(@, <<to, message>>)], view'[r])]
                /\ UNCHANGED answered
           ELSE /\ memory' = [memory EXCEPT ![r] = Tidy(@, view'[r])]
                /\ answered' = Append(answered, <<to, message>>)
        /\ UNCHANGED run

(* The reply to the oldest injection without one. *)
Reply(r) ==
    LET first == Head(memory[r].open)
    IN  /\ memory[r].open # <<>>
        /\ first[2] \in Range(SentTo(db.heads[Agent], first[1]))
        /\ answered' = Append(answered, first)
        /\ memory' = [memory EXCEPT ![r].open = Tail(@)]
        /\ UNCHANGED <<db, view, run, left>>
=============================================================================
