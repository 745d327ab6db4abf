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
    /\ view' = [view EXCEPT ![r] = IF Grouped THEN new ELSE [@ EXCEPT !.heads[Agent] = new.heads[Agent]]]

(* A client sends a message. The reply waits until the head of the agent that holds the message is durable. If another
   runtime moved that head, the injection is tried again from the new one. A signal that is already the last message makes no
   step, and one that is an older message of its chain is refused. runtime.agent.inject, runtime.agent.inject-refused *)
Inject(r, to, label, mode) ==
    LET target == Target(r)
        last == LastMessage(target, to)
        message == IF mode = "queue" THEN Append(last, <<label>>) ELSE <<<<label>>>>
        new == AgentStep(target, InboxOf(target.heads[Agent]), [OutboxOf(target.heads[Agent]) EXCEPT ![to] = message])
    IN  /\ left.injections > 0
        /\ mode = "signal" => (OnChain(message, last) = FALSE \/ (Broken = "signal-back" /\ message # last))
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

(* Mail to the agent is listed from durable heads until it is acknowledged, and an acknowledgement moves the cursor of the agent
   to a listed message. runtime.agent.mail *)
Listed(r, x) ==
    LET v == IF Broken = "listed-early" THEN view[r] ELSE db
    IN  Range(Unread(OutboxOf(v.heads[x])[Agent], InboxOf(Target(r).heads[Agent])[x]))

Ack(r, x) ==
    LET target == Target(r)
        head == target.heads[Agent]
    IN  /\ left.acks > 0
        /\ \E m \in Listed(r, x) : Change(r, AgentStep(target, [InboxOf(head) EXCEPT ![x] = m], OutboxOf(head)))
        /\ memory' = [memory EXCEPT ![r] = Tidy(@, view'[r])]
        /\ left' = [left EXCEPT !.acks = @ - 1]
        /\ UNCHANGED <<run, answered>>

(* A peripheral answers one open effect, in any order. One step of the agent sends the answer and moves the cursor over the oldest
   messages that were answered in this way. runtime.effect.open, runtime.effect.linked *)
Open(r, x) == {m \in Listed(r, x) : Program(m) = "effect" /\ <<x, m>> \notin memory[r].resolved}

Resolve(r, x) ==
    LET target == Target(r)
        head == target.heads[Agent]
        mail == Unread(OutboxOf(db.heads[x])[Agent], InboxOf(head)[x])
    IN  /\ left.acks > 0
        /\ \E m \in Open(r, x) :
              LET done == memory[r].resolved \cup {<<x, m>>}
                  over == {i \in 1 .. Len(mail) : \A k \in 1 .. i : <<x, mail[k]>> \in done}
                  cursor == IF Broken = "resolve-skips" THEN m
                            ELSE IF over = {} THEN InboxOf(head)[x] ELSE mail[Cardinality(over)]
                  answer == Append(LastMessage(target, x), <<"effect-ok", x, m>>)
              IN  /\ Change(r, AgentStep(target, [InboxOf(head) EXCEPT ![x] = cursor], [OutboxOf(head) EXCEPT ![x] = answer]))
                  /\ memory' = [memory EXCEPT ![r] = Tidy([@ EXCEPT !.resolved = done], view'[r])]
        /\ left' = [left EXCEPT !.acks = @ - 1]
        /\ UNCHANGED <<run, answered>>
=============================================================================
