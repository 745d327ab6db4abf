------------------------------- MODULE Trace --------------------------------
(* Trace: histories that a runtime exported, checked as behaviours of Wit. The module Histories is made from the bundles: for each
   history the steps of each actor, in order, and its references. A step is possible if admission permits it and if what it
   covers was sent by then.

   If a step is possible in a state, it stays possible when other actors make steps. So one order is as good as any other, and the
   actor that goes next is chosen. A history is accepted if all its steps were made. Otherwise the fault of each actor that
   cannot go on is printed.

   A state only counts the steps that were made, so that long histories stay cheap. *)
EXTENDS Histories

VARIABLES
    number,     \* which history
    done,       \* for each actor, how many of its steps were made
    place,      \* for each receiver and sender, the sending that the receiver covered last: its place in Sendings
    verdict     \* "open" until it is decided

vars == <<number, done, place, verdict>>

StepsOf(n, a) == Histories[n].steps[a]
Steps(a) == StepsOf(number, a)
HeadOf(a) == IF done[a] = 0 THEN NoHead ELSE <<Steps(a)[done[a]]>>
HasNext(a) == done[a] < Len(Steps(a))
NextOf(a) == Steps(a)[done[a] + 1]
ResultOf(s) == Result(s.actor, s.previous, s.inbox, s.outbox, s.core, "code")

(* Mail from these actors is not checked: the history does not have all their steps. *)
IsOpen(x) == x \in Histories[number].open

(* How many steps of an actor, the first ones, may have been made in another store. wasm.handoff.recorded *)
Transferred(a) == Histories[number].transferred[a]

(* How many steps are not checked: the first step of the agent, and a first step that covers a cleanup. *)
Unchecked(n, a) == IF StepsOf(n, a) # <<>> /\ (a = Agent \/ a \in Histories[n].cut) THEN 1 ELSE 0

-----------------------------------------------------------------------------
(* Mail *)

(* All sendings of each history, sender and receiver, as <<message, number of the step that sent it>>. *)
Sendings == [n \in DOMAIN Histories |-> [x \in Everyone |-> [a \in Everyone |->
    Joined([i \in 1 .. Len(StepsOf(n, x)) |->
        LET s == Sends(SubSeq(StepsOf(n, x), 1, i - 1), a, StepsOf(n, x)[i].outbox[a])
        IN  [k \in 1 .. Len(s) |-> <<s[k], i>>]])]]]

(* What the steps of an actor, up to one of them, cover of a sender. A step that is not checked covers nothing. *)
CoveredUntil(n, a, x, last) ==
    Joined([i \in 1 .. last |->
        IF i <= Unchecked(n, a) THEN <<>>
        ELSE UnreadBehind(StepsOf(n, a)[i].inbox[x], Entry(SubSeq(StepsOf(n, a), 1, i - 1), "inbox", x), 0)])

(* The first place of a message behind another place, or 0. *)
PlaceOf(m, sendings, behind) ==
    IF behind < Len(sendings) /\ sendings[behind + 1][1] = m
    THEN behind + 1
    ELSE LET places == {i \in behind + 1 .. Len(sendings) : sendings[i][1] = m}
         IN  IF places = {} THEN 0 ELSE CHOOSE i \in places : \A k \in places : i <= k

(* The place of the last of some messages, each with its first place behind that of the one before; 0 if one has none. *)
RECURSIVE PlaceOfLast(_, _, _)
PlaceOfLast(messages, sendings, behind) ==
    IF messages = <<>> THEN behind
    ELSE LET at == PlaceOf(Head(messages), sendings, behind)
         IN  IF at = 0 THEN 0 ELSE PlaceOfLast(Tail(messages), sendings, at)

(* After a cut, the cursors of the first step are the first places. *)
FirstPlace(n, a, x) ==
    IF a \in Histories[n].cut THEN PlaceOf(StepsOf(n, a)[1].inbox[x], Sendings[n][x][a], 0) ELSE 0

(* FALSE if an actor read messages of x that x did not send in this store; what it read in another store is then not checked. *)
IsWhole(n, a, x) ==
    LET covered == CoveredUntil(n, a, x, Len(StepsOf(n, a)))
    IN  covered = <<>> \/ PlaceOfLast(covered, Sendings[n][x][a], FirstPlace(n, a, x)) # 0

StartOf(n, a, x) == IF Histories[n].transferred[a] = 0 \/ IsWhole(n, a, x) THEN FirstPlace(n, a, x) ELSE 0

(* What the next step covers of a sender. *)
NewFrom(a, s, x) ==
    UnreadBehind(s.inbox[x], IF a = Agent THEN Entry(SubSeq(Steps(a), 1, done[a]), "inbox", x) ELSE InboxOf(HeadOf(a))[x], 0)

(* The place of what a step covers last, or 0 if it covers a message that was not sent in this order. *)
NewPlace(a, s, x) == PlaceOfLast(NewFrom(a, s, x), Sendings[number][x][a], place[a][x])

(* Why a step cannot cover what it covers of a sender; "wait" if that is sent by a step that was not made yet. *)
MailFault(a, s, x) ==
    LET new == NewFrom(a, s, x)
        sendings == Sendings[number][x][a]
        sent == [i \in 1 .. Len(sendings) |-> sendings[i][1]]
        covered == CoveredUntil(number, a, x, done[a] + 1)
        at == NewPlace(a, s, x)
    IN  CASE new = <<>> \/ IsOpen(x) \/ done[a] < Transferred(a)       -> "none"
          [] at # 0 /\ sendings[at][2] <= done[x]                     -> "none"
          [] at # 0                                                   -> "wait"
          [] \E m \in Range(new) : m \notin Range(sent)               -> "unsent"
          [] \E m \in Range(new) : Times(m, covered) > Times(m, sent) -> "twice"
          [] OTHER                                                    -> "order"

(* The places after a step. The old place remains if mail that is not checked has no place in Sendings. *)
PlacesAfter(a, s) ==
    [x \in Everyone |->
        IF NewFrom(a, s, x) = <<>> \/ (done[a] < Transferred(a) /\ ~ IsWhole(number, a, x)) \/ NewPlace(a, s, x) = 0
        THEN place[a][x]
        ELSE NewPlace(a, s, x)]

-----------------------------------------------------------------------------
(* Steps. Each operator has the first condition that the next step of an actor breaks; "none" if it is possible. *)

(* The proposal is what the inbox newly holds. The conditions above name what admission refuses; admission as a whole decides at last,
   so that none of its conditions is forgotten here. *)
ActorFault(a, s) ==
    LET head == HeadOf(a)
        inbox == InboxOf(head)
        proposal == [x \in Everyone |-> IF s.inbox[x] = inbox[x] THEN None ELSE s.inbox[x]]
        covered == Covers(inbox, proposal)
        kinds == {Kind(covered[i][2], head) : i \in 1 .. Len(covered)}
        mail == {MailFault(a, s, x) : x \in Everyone}
        starts == head = NoHead \/ kinds = {"cleanup"}
    IN  CASE s.actor # a                                                           -> "actor"
          [] \E x \in Everyone : inbox[x] # None /\ s.inbox[x] = None              -> "kept"
          [] covered = <<>>                                                        -> "progress"
          [] head = NoHead /\ "genesis" \notin kinds                               -> "genesis"
          [] head = NoHead /\ (Len(covered) > 1 \/ Len(covered[1][2]) > 1)         -> "first"
          [] \E x \in Everyone : LegalChange(OutboxOf(head)[x], s.outbox[x]) = FALSE -> "outbox"
          [] "unsent" \in mail                                                     -> "unsent"
          [] "twice" \in mail                                                      -> "twice"
          [] "order" \in mail                                                      -> "order"
          [] ValidProposal(proposal, head, "none") = FALSE                         -> "fence"
          [] s.previous # (IF starts THEN "none" ELSE "last")                      -> "previous"
          [] Admitted(a, head, proposal, ResultOf(s)) = FALSE                      -> "admit"
          [] "wait" \in mail                                                       -> "wait"
          [] OTHER                                                                 -> "none"

(* The agent runs no code, and nothing admits its steps. It may release entries of its mailboxes, but not its own. *)
AgentFault(s) ==
    LET before == SubSeq(Steps(Agent), 1, done[Agent])
        mail == {MailFault(Agent, s, x) : x \in Everyone}
        idle == s.inbox = InboxOf(before) /\ s.outbox = OutboxOf(before)
    IN  CASE s.actor # Agent                                                              -> "actor"
          [] before = NoHead \/ s.core # CoreOf(before) \/ idle                           -> "agent"
          [] InboxOf(before)[Agent] # None /\ s.inbox[Agent] = None                       -> "kept"
          [] \E x \in Everyone : LegalChange(OutboxOf(before)[x], s.outbox[x]) = FALSE    -> "outbox"
          [] "unsent" \in mail                                                            -> "unsent"
          [] "twice" \in mail                                                             -> "twice"
          [] "order" \in mail                                                             -> "order"
          [] "wait" \in mail                                                              -> "wait"
          [] OTHER                                                                        -> "none"

FaultOf(a) == IF a = Agent THEN AgentFault(NextOf(a)) ELSE ActorFault(a, NextOf(a))

-----------------------------------------------------------------------------
(* The end. Marks and actors that are gone are checked after all steps, because a bundle does not record when a mark was set. *)

Sent(x, a) == [i \in 1 .. Len(Sendings[number][x][a]) |-> Sendings[number][x][a][i][1]]

MarksOf(a) == Histories[number].marks[a]

(* A mark names one message that was sent and not covered. It must not be an update. If the actor has no head, it must be a genesis. *)
MarkFault(a) ==
    LET x == MarksOf(a)[1][1]
        m == MarksOf(a)[1][2]
        started == Steps(a) # <<>>
    IN  CASE MarksOf(a) = <<>>                              -> "none"
          [] Len(MarksOf(a)) > 1                            -> "mark"
          [] a \in Histories[number].gone                   -> "returned"
          [] Program(m) = "update" /\ started               -> "mark"
          [] ~ started /\ Program(m) # "genesis"            -> "mark"
          [] IsOpen(x)                                      -> "none"
          [] Times(m, Sent(x, a)) <= Times(m, CoveredUntil(number, a, x, Len(Steps(a)))) -> "mark"
          [] OTHER                                          -> "none"

(* The sender of the message of a mark has a receipt. *)
ReceiptFault(a) ==
    LET x == MarksOf(a)[1][1]
    IN  CASE Len(MarksOf(a)) # 1 \/ IsOpen(Agent)               -> "none"
          [] x = Agent                                          -> "none"
          [] \E r \in Range(Sent(Agent, x)) :
                 Program(r) = "receipt" /\ LabelOf(r)[2] = MarksOf(a)[1][3] -> "none"
          [] OTHER                                              -> "receipt"

GoneFault(a) == IF a \in Histories[number].gone /\ Steps(a) # <<>> THEN "returned" ELSE "none"

LoopFault(a) ==
    IF a = Agent /\ \E r \in Range(Sent(Agent, Agent)) : Program(r) = "receipt" THEN "no-loop" ELSE "none"

EndFaults(a) ==
    (IF a = Agent THEN {LoopFault(a)} ELSE {MarkFault(a), ReceiptFault(a), GoneFault(a)}) \ {"none"}

-----------------------------------------------------------------------------

Init ==
    /\ number \in DOMAIN Histories
    /\ done = [a \in Everyone |-> Unchecked(number, a)]
    /\ place = [a \in Everyone |-> [x \in Everyone |-> StartOf(number, a, x)]]
    /\ verdict = "open"

CanGo(a) == HasNext(a) /\ FaultOf(a) = "none"

Go ==
    /\ verdict = "open"
    /\ \E a \in Everyone : CanGo(a)
    /\ LET a == CHOOSE x \in Everyone : CanGo(x)
       IN  /\ done' = [done EXCEPT ![a] = @ + 1]
           /\ place' = [place EXCEPT ![a] = PlacesAfter(a, NextOf(a))]
    /\ UNCHANGED <<number, verdict>>

(* A line names the history, the actor, the number of its step (from 1; 0 if the fault is in a reference), and the fault. *)
Say(a, step, fault) == PrintT(<<"trace", number, a, step, fault>>)

(* Nothing can go on. If all that stops the actors is mail that is not sent yet, then their steps wait for each other. *)
Decide ==
    /\ verdict = "open"
    /\ ~ \E a \in Everyone : CanGo(a)
    /\ LET stuck == {a \in Everyone : HasNext(a)}
           faulty == {a \in stuck : FaultOf(a) # "wait"}
           ended == {e \in Everyone \X {"mark", "receipt", "returned", "no-loop"} : e[2] \in EndFaults(e[1])}
       IN  /\ verdict' = IF stuck = {} /\ ended = {} THEN "accepted" ELSE "refused"
           /\ \A a \in faulty : Say(a, done[a] + 1, FaultOf(a))
           /\ faulty = {} => \A a \in stuck : Say(a, done[a] + 1, "cycle")
           /\ stuck = {} => \A e \in ended : Say(e[1], 0, e[2])
           /\ PrintT(<<"trace", number, verdict'>>)
    /\ UNCHANGED <<number, done, place>>

Next == Go \/ Decide
Spec == Init /\ [][Next]_vars
=============================================================================
