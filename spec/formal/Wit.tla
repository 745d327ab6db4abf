-------------------------------- MODULE Wit ---------------------------------
(* Wit: one actor, without a scheduler. Kinds of messages, proposals, the transition of the test actor, admission.

   A step holds the id of the step before it, so it is modelled as its whole chain too: a head is a sequence of step
   records, first step first, and the empty sequence is "no head". A head that grows is a longer sequence with the old one
   as its beginning, and compare-and-swap of a head compares sequences. A cleanup cuts the chain in a store. In the model the
   records before it stay, so that later checks can still see what was covered, and the record says previous = "none".

   Each record has the members of a step

     actor, previous, inbox, outbox, core

   and members that only the checks of this model read (a step object has none of them):

     covered   what the inbox newly covers, as <<sender, message>>, in the order in which it was read
     sent      what the change of the outbox sends, as <<receiver, message>>
     proposal  the proposal from which the step was made
     made      what made it: "code", "merge" (an admitted update), "cursor" (only the cursor moved) or "agent"
     asked     the step that answered the query of the transition, as <<actor, head>>, or <<>>

   A label of a message is a program of the test actor (see Programs below). So a behaviour of this model is a scenario that
   can be run on any implementation. *)
EXTENDS Channels

CONSTANTS
    Actors,     \* the actors without the agent, some of "a", "b", "c"
    Stillborn   \* those of them whose genesis always fails

Agent == "agent"
Everyone == Actors \cup {Agent}

(* Senders are read in ascending order of their ids; the ids of the model are its names in this order. *)
InOrder == SelectSeq(<<"a", "b", "c", Agent>>, LAMBDA x : x \in Everyone)

(* The actor to which the programs of an actor send: the next one in the order, or the first. *)
Neighbour(actor) ==
    LET place == CHOOSE i \in 1 .. Len(InOrder) : InOrder[i] = actor
    IN  IF place + 1 < Len(InOrder) THEN InOrder[place + 1] ELSE InOrder[1]

NoMail == [x \in Everyone |-> None]
NoHead == <<>>
NewCore == [fixed |-> FALSE]

Last(head) == head[Len(head)]
InboxOf(head) == IF head = NoHead THEN NoMail ELSE Last(head).inbox
OutboxOf(head) == IF head = NoHead THEN NoMail ELSE Last(head).outbox
CoreOf(head) == IF head = NoHead THEN NewCore ELSE Last(head).core

LabelOf(message) == message[Len(message)]
Program(message) == LabelOf(message)[1]

-----------------------------------------------------------------------------
(* Kinds *)

Updates == {"update", "bad-update", "refused-update"}

(* The kind of an unread message for an actor with this head. wit.kind.precedence, wit.genesis.identity *)
Kind(message, head) ==
    LET program == Program(message)
    IN  IF head = NoHead
        THEN IF program = "genesis" THEN "genesis" ELSE "waiting"
        ELSE IF program \in Updates THEN "update"
        ELSE IF program = "cleanup" THEN "cleanup"
        ELSE IF program = "genesis" THEN "duplicate"
        ELSE "ordinary"

-----------------------------------------------------------------------------
(* Proposals: a mailbox with at least one entry *)

(* What a change from one inbox to another covers: senders ascending, for each of them oldest first. *)
Covers(inbox, new) ==
    Joined([i \in 1 .. Len(InOrder) |->
        LET x == InOrder[i]
            unread == Unread(new[x], inbox[x])
        IN  IF new[x] = None THEN <<>> ELSE [k \in 1 .. Len(unread) |-> <<x, unread[k]>>]])

(* A proposal is valid if it covers messages of one kind, and a control message alone. That its messages are unread is part of the
   set Proposals below. off names a condition that a broken runtime ignores. wit.proposal.valid, wit.proposal.fence *)
ValidProposal(proposal, head, off) ==
    LET covered == Covers(InboxOf(head), proposal)
        kinds == {Kind(covered[i][2], head) : i \in 1 .. Len(covered)}
    IN  /\ covered # <<>>
        /\ \/ "waiting" \notin kinds
           \/ off = "waiting-runs"
           \/ off = "genesis-behind" /\ "genesis" \in kinds
        /\ \/ Cardinality(kinds) = 1 /\ (kinds = {"ordinary"} \/ Len(covered) = 1)
           \/ off \in {"fence", "genesis-behind"}

(* All valid proposals to an actor with this head, if tips[x] is the newest message of x to it. *)
Proposals(head, tips, off) ==
    LET inbox == InboxOf(head)
        choices(x) == {None} \cup Range(Unread(tips[x], inbox[x]))
        mailboxes == {p \in [Everyone -> UNION {choices(x) : x \in Everyone}] : \A x \in Everyone : p[x] \in choices(x)}
    IN  {p \in mailboxes : ValidProposal(p, head, off)}

-----------------------------------------------------------------------------
(* Programs of the test actor. One label is one program:

     nop, note, other-note   only read
     queue, queue-fail,      queue a message behind the last one to the neighbour: a nop, a fail, a genesis or an update
       queue-genesis,
       queue-update
     signal, other-signal    signal a note to the neighbour, which supersedes what is unread there
     withdraw                remove the entry for the neighbour
     self                    queue a nop to the actor itself
     effect                  queue an effect to the agent
     fail                    fail, until an update has repaired the core
     try                     fail at the first attempt only
     leave                   leave the message unread, as the op L does, until an update has repaired the core
     query                   query the neighbour
     illegal                 return an illegal result, of any form (see Alterations)
     genesis                 create the actor
     update                  repair the core
     refused-update          an update that the transition refuses
     bad-update              an update by code that always fails
     cleanup                 give up earlier steps
     receipt                 a receipt of the agent, only read *)

Queue(outbox, to, label) == [outbox EXCEPT ![to] = Append(@, <<label>>)]
Signal(outbox, to, label) == [outbox EXCEPT ![to] = <<<<label>>>>]

(* The outbox after one program. *)
Effect(program, actor, outbox) ==
    LET to == Neighbour(actor)
    IN  CASE program = "queue"         -> Queue(outbox, to, "nop")
          [] program = "queue-fail"    -> Queue(outbox, to, "fail")
          [] program = "queue-genesis" -> Queue(outbox, to, "genesis")
          [] program = "queue-update"  -> Queue(outbox, to, "update")
          [] program = "signal"        -> Signal(outbox, to, "note")
          [] program = "other-signal"  -> Signal(outbox, to, "other-note")
          [] program = "withdraw"      -> [outbox EXCEPT ![to] = None]
          [] program = "self"          -> Queue(outbox, actor, "nop")
          [] program = "effect"        -> Queue(outbox, Agent, "effect")
          [] OTHER                     -> outbox

Fails(program, actor, core, attempt) ==
    \/ program = "fail" /\ ~ core.fixed
    \/ program = "try" /\ attempt = 1
    \/ program = "bad-update"
    \/ program = "genesis" /\ actor \in Stillborn

(* Run the programs of the covered messages one after another. A message that is left unread also leaves those behind it of the
   same sender unread. wit.puppet.order, wit.puppet.leave, wit.puppet.atomic *)
RECURSIVE Execute(_, _, _, _)
Execute(state, covered, actor, attempt) ==
    IF covered = <<>> \/ state.failed
    THEN state
    ELSE LET x == covered[1][1]
             m == covered[1][2]
             program == Program(m)
         IN  IF x \in state.held
             THEN Execute(state, Tail(covered), actor, attempt)
             ELSE IF program = "leave" /\ ~ state.core.fixed
             THEN Execute([state EXCEPT !.held = @ \cup {x}], Tail(covered), actor, attempt)
             ELSE Execute([state EXCEPT !.failed = Fails(program, actor, state.core, attempt),
                                        !.outbox = Effect(program, actor, @),
                                        !.inbox[x] = m],
                          Tail(covered), actor, attempt)

-----------------------------------------------------------------------------
(* The transition. Its outcome is a record with the member is: "result", "declined" or "failed". A result is not a step yet:
   it has to be admitted. *)

Declined == [is |-> "declined"]
Failed == [is |-> "failed"]

Result(actor, previous, inbox, outbox, core, made) ==
    [is |-> "result", actor |-> actor, previous |-> previous, inbox |-> inbox, outbox |-> outbox, core |-> core, made |-> made]

(* The step that only moves the cursor over one message: no code runs. *)
CursorOnly(actor, head, proposal) ==
    LET read == [x \in Everyone |-> IF proposal[x] = None THEN InboxOf(head)[x] ELSE proposal[x]]
    IN  Result(actor, "last", read, OutboxOf(head), CoreOf(head), "cursor")

(* wit.transition.declined, wit.update.merge, wit.update.refused, wit.update.code, wit.genesis.again, wit.cleanup.cut *)
Transition(actor, head, proposal, attempt) ==
    LET covered == Covers(InboxOf(head), proposal)
        first == covered[1][2]
        kind == Kind(first, head)
        start == [inbox |-> InboxOf(head), outbox |-> OutboxOf(head), core |-> CoreOf(head), held |-> {}, failed |-> FALSE]
        end == Execute(start, covered, actor, attempt)
    IN  CASE kind = "duplicate" -> CursorOnly(actor, head, proposal)
          [] kind = "update" /\ Program(first) = "refused-update" /\ Broken # "refused-merged" -> CursorOnly(actor, head, proposal)
          [] kind = "update" /\ Program(first) # "bad-update" ->
                [CursorOnly(actor, head, proposal) EXCEPT !.core.fixed = TRUE, !.made = "merge"]
          [] OTHER ->
                IF end.failed THEN Failed
                ELSE IF end.inbox = start.inbox THEN Declined
                ELSE Result(actor, IF kind \in {"genesis", "cleanup"} THEN "none" ELSE "last",
                            end.inbox, end.outbox, end.core, "code")

-----------------------------------------------------------------------------
(* Admission: the check of a result, whatever code returned it *)

(* Results that code of unknown source may return: the right one, altered in one way. *)
Alterations(head, proposal, result) ==
    LET inbox == InboxOf(head)
        sender == CHOOSE x \in Everyone : proposal[x] # None
        others == {x \in Everyone : proposal[x] = None}
        receiver == Neighbour(result.actor)
        old == OutboxOf(head)[receiver]
    IN  {[result EXCEPT !.actor = sender],
         [result EXCEPT !.previous = IF @ = "none" THEN "last" ELSE "none"],
         [result EXCEPT !.previous = "older"],
         [result EXCEPT !.inbox = inbox],                                       \* nothing was read
         [result EXCEPT !.inbox[sender] = Append(proposal[sender], <<"nop">>)], \* a message that nobody sent
         [result EXCEPT !.inbox[sender] = None]}                                \* a key is missing
        \cup {[result EXCEPT !.inbox[x] = Append(@, <<"nop">>)] : x \in others} \* a sender that is not in the proposal
        \cup (IF Len(old) < 2 THEN {} ELSE
             {[result EXCEPT !.outbox[receiver] = SubSeq(old, 1, Len(old) - 1)]})   \* back to an older message

(* The conditions of the chapter on admission, in its order. *)
Admitted(actor, head, proposal, result) ==
    LET inbox == InboxOf(head)
        outbox == OutboxOf(head)
        kind == Kind(Covers(inbox, proposal)[1][2], head)
        proposed(x) == Range(Unread(proposal[x], inbox[x]))
    IN  /\ Guard("admit-actor", result.actor = actor)                                           \* wit.admit.actor
        /\ Guard("admit-previous",                                                              \* wit.admit.previous
                 result.previous = (IF kind \in {"genesis", "cleanup"} THEN "none" ELSE "last"))
        /\ Guard("admit-keep",                                                                  \* wit.admit.inbox-keep
                 \A x \in Everyone : inbox[x] # None => result.inbox[x] # None)
        /\ Guard("admit-proposed",                                                              \* wit.admit.inbox-proposed
                 \A x \in Everyone : proposal[x] = None => result.inbox[x] \in {inbox[x], None})
        /\ Guard("admit-cursor",                                                                \* wit.admit.inbox-cursor
                 \A x \in Everyone : proposal[x] # None =>
                     result.inbox[x] \in {inbox[x], None} \cup proposed(x))
        /\ Guard("admit-progress", result.inbox # inbox)                                        \* wit.admit.progress
        /\ Guard("admit-outbox",                                                                \* wit.admit.outbox
                 \A x \in Everyone : LegalChange(outbox[x], result.outbox[x]) = TRUE)

(* The outcomes that code may have: one, unless a covered message asks for an illegal result. A result that is not admitted is
   a failure. wit.admit.trace, runtime.fail.bad-step *)
Outcomes(actor, head, proposal, attempt) ==
    LET covered == Covers(InboxOf(head), proposal)
        right == Transition(actor, head, proposal, attempt)
        illegal == \E i \in 1 .. Len(covered) : Program(covered[i][2]) = "illegal"
        returned == IF right.is = "result" /\ illegal THEN Alterations(head, proposal, right) ELSE {right}
        refused == IF Broken = "bad-step" THEN Declined ELSE Failed
    IN  {IF o.is = "result" /\ Admitted(actor, head, proposal, o) = FALSE THEN refused ELSE o : o \in returned}

-----------------------------------------------------------------------------
(* Chains of steps *)

(* The entries of a mailbox before a step. The agent may have dropped an entry that returns: then it is the dropped one.
   runtime.release.kept, runtime.release.resume *)
RECURSIVE Entry(_, _, _)
Entry(head, box, x) ==
    IF head = NoHead THEN None
    ELSE IF Last(head)[box][x] # None \/ Last(head).actor # Agent THEN Last(head)[box][x]
    ELSE Entry(SubSeq(head, 1, Len(head) - 1), box, x)

(* What a step behind a head sends to y if its outbox has this entry. An entry of the agent that returns sends what the dropped
   one did not contain. *)
Sends(head, y, entry) ==
    IF OutboxOf(head)[y] = None
    THEN SelectSeq(SentBy(None, entry), LAMBDA m : OnChain(m, Entry(head, "outbox", y)) = FALSE)
    ELSE SentBy(OutboxOf(head)[y], entry)

(* The head with one more step. What the step covers and sends follows from its mailboxes alone. *)
Extended(head, proposal, result, asked) ==
    LET sent == Joined([i \in 1 .. Len(InOrder) |->
                    LET y == InOrder[i]
                        s == Sends(head, y, result.outbox[y])
                    IN  [k \in 1 .. Len(s) |-> <<y, s[k]>>]])
    IN  Append(head, [actor    |-> result.actor,
                      previous |-> result.previous,
                      inbox    |-> result.inbox,
                      outbox   |-> result.outbox,
                      core     |-> result.core,
                      covered  |-> IF result.made = "cut" THEN <<>> ELSE Covers([x \in Everyone |-> Entry(head, "inbox", x)], result.inbox),
                      sent     |-> sent,
                      proposal |-> proposal,
                      made     |-> result.made,
                      asked    |-> asked])

(* The messages of one sender that the steps of a head cover, and those that its steps sent to one receiver, in order. *)
CoveredFrom(head, x) ==
    Joined([i \in 1 .. Len(head) |->
        LET s == SelectSeq(head[i].covered, LAMBDA e : e[1] = x) IN [k \in 1 .. Len(s) |-> s[k][2]]])

SentTo(head, y) ==
    Joined([i \in 1 .. Len(head) |->
        LET s == SelectSeq(head[i].sent, LAMBDA e : e[1] = y) IN [k \in 1 .. Len(s) |-> s[k][2]]])
=============================================================================
