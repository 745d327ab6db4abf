------------------------------ MODULE Promises ------------------------------
(* Promises: what must be true in every state (S), between any two states (A), and in the long run (L). invariants.json names
   the rules that each of them states. They are about the store (db), except those about runs that a runtime begins. *)
EXTENDS Model, StateTable

-----------------------------------------------------------------------------
(* S: mail between heads. The sequences are of sendings, not of messages: a message may be sent again. *)

(* What is covered was sent on that channel, by a step that is durable. *)
Sent == \A a \in Actors : SentIn(db, a)

(* No message is covered more often than it was sent. *)
Once ==
    \A a \in Actors, x \in Everyone :
        LET covered == CoveredFrom(Chain(db, a), x)
            sent == SentTo(Chain(db, x), a)
        IN  \A m \in Range(covered) : Times(m, covered) <= Times(m, sent)

(* Sendings are covered in the order in which they were made. Those that a signal overtook are left out for ever. *)
Ordered == \A a \in Actors, x \in Everyone : IsSubsequence(CoveredFrom(Chain(db, a), x), SentTo(Chain(db, x), a))

-----------------------------------------------------------------------------
(* S: each step of each durable chain, whatever code made it *)

(* P holds for every step s of an actor other than the agent, made from the head before it. *)
EachStep(P(_, _, _)) ==
    \A a \in Actors : \A i \in 1 .. Len(db.heads[a]) :
        (i > 1 \/ a \notin Born) => P(a, SubSeq(db.heads[a], 1, i - 1), db.heads[a][i])

(* A control message is read alone, and it is the oldest unread message of its channel. *)
Fence == EachStep(LAMBDA a, before, s :
    (\E i \in 1 .. Len(s.covered) : Kind(s.covered[i][2], before) # "ordinary") => Len(s.covered) = 1)

(* An actor begins with one genesis message, the first of its channel, and nothing else in its inbox. *)
First == EachStep(LAMBDA a, before, s :
    before = NoHead =>
        /\ Len(s.covered) = 1
        /\ s.covered[1][2] = <<<<"genesis">>>>
        /\ s.inbox = [NoMail EXCEPT ![s.covered[1][1]] = s.covered[1][2]])

Actor == EachStep(LAMBDA a, before, s : s.actor = a)

(* Each step reads at least one message. *)
Progress == EachStep(LAMBDA a, before, s : s.inbox # InboxOf(before))

(* No entry of an inbox vanishes. *)
Kept == EachStep(LAMBDA a, before, s : \A x \in Everyone : InboxOf(before)[x] # None => s.inbox[x] # None)

(* Only senders of the proposal have another entry. *)
Proposed == EachStep(LAMBDA a, before, s :
    \A x \in Everyone : s.inbox[x] # InboxOf(before)[x] => s.proposal[x] # None)

(* The entries of these senders are messages that the proposal covers. *)
Cursor == EachStep(LAMBDA a, before, s :
    \A x \in Everyone : s.proposal[x] # None =>
        s.inbox[x] \in {InboxOf(before)[x]} \cup Range(Unread(s.proposal[x], InboxOf(before)[x])))

Outbox == EachStep(LAMBDA a, before, s : \A x \in Everyone : LegalChange(OutboxOf(before)[x], s.outbox[x]) = TRUE)

(* First steps and cleanups have no previous, and all other steps have the step before. *)
Previous == EachStep(LAMBDA a, before, s :
    s.previous = IF before = NoHead \/ Program(s.covered[1][2]) = "cleanup" THEN "none" ELSE "last")

(* A duplicate and a refused update change the inbox only. Code runs for nothing but ordinary mail, genesis and cleanup. *)
CursorSteps == EachStep(LAMBDA a, before, s :
    LET kind == Kind(s.covered[1][2], before)
    IN  /\ kind = "duplicate" => s.made = "cursor"
        /\ Program(s.covered[1][2]) = "refused-update" => s.made = "cursor"
        /\ kind = "update" => s.made \in {"merge", "cursor"} /\ s.outbox = OutboxOf(before)
        /\ s.made = "cursor" => s.core = CoreOf(before) /\ s.outbox = OutboxOf(before))

(* A query was answered by a step that is on the durable chain of the other actor. *)
Asked == \A a \in Actors : AskedIn(db, a)

(* The steps of the agent change mailboxes only, and its outbox legally. *)
AgentChanges ==
    \A i \in 2 .. Len(db.heads[Agent]) :
        LET s == db.heads[Agent][i]
            before == db.heads[Agent][i - 1]
        IN  /\ s.core = before.core
            /\ s.inbox # before.inbox \/ s.outbox # before.outbox
            /\ \A x \in Everyone : LegalChange(before.outbox[x], s.outbox[x]) = TRUE

(* What the outside has acknowledged was listed: it was sent by durable steps, and it is acknowledged once, in order. *)
AgentReads ==
    \A x \in Actors : IsSubsequence(CoveredFrom(db.heads[Agent], x), SentTo(Chain(db, x), Agent))

(* The step that answers an effect moves the cursor over effects that were answered, and over no other mail. *)
Linked ==
    \A i \in 1 .. Len(db.heads[Agent]) :
        LET s == db.heads[Agent][i]
            answered_by_now(e) == \E k \in 1 .. i : \E j \in 1 .. Len(db.heads[Agent][k].sent) :
                LET label == LabelOf(db.heads[Agent][k].sent[j][2])
                IN  label[1] = "effect-ok" /\ <<label[2], label[3]>> = e
        IN  (\E j \in 1 .. Len(s.sent) : Program(s.sent[j][2]) = "effect-ok") =>
                \A j \in 1 .. Len(s.covered) : answered_by_now(s.covered[j])

(* An unread effect is open, unless this runtime has answered it. *)
Offered ==
    \A r \in Runtimes : \A e \in memory[r].resolved :
        \E j \in 1 .. Len(SentTo(view[r].heads[Agent], e[1])) :
            LET label == LabelOf(SentTo(view[r].heads[Agent], e[1])[j])
            IN  label[1] = "effect-ok" /\ label[3] = e[2]

(* A release and a cut do not change what is unread: an entry that the agent has dropped still counts as its cursor. *)
Released ==
    \A x \in Actors : db.heads[x] # NoHead =>
        Mail(db, x, Agent) = Unread(OutboxOf(db.heads[x])[Agent], Entry(db.heads[Agent], "inbox", x))

-----------------------------------------------------------------------------
(* S: marks and receipts *)

(* A mark names a message that was sent and not covered, and that is no update. *)
MarkNames ==
    \A a \in Actors : IsMarked(db, a) =>
        LET x == db.marks[a][1]
            m == db.marks[a][2]
        IN  /\ Program(m) \notin Updates \/ db.heads[a] = NoHead
            /\ Times(m, SentTo(Chain(db, x), a)) > Times(m, CoveredFrom(Chain(db, a), x))

(* A mark without a head is that of a genesis message. *)
MarkGenesis == \A a \in Actors : IsMarked(db, a) /\ db.heads[a] = NoHead => Program(db.marks[a][2]) = "genesis"

(* The sender of each message for which an actor was marked has exactly one receipt, in the order of the marks, and the agent
   has none. *)
ReceiptEach == ReceiptsFit(db) /\ Receipts(db, Agent) = <<>>

-----------------------------------------------------------------------------
(* A: what one action may change *)

(* A head only grows, or its actor is collected. *)
ForwardStep == \A x \in Everyone : IsPrefix(db.heads[x], db'.heads[x]) \/ (db'.heads[x] = NoHead /\ x \in db'.gone \ db.gone)
Forward == [][ForwardStep]_vars

New(x) == SubSeq(db'.heads[x], Len(db.heads[x]) + 1, Len(db'.heads[x]))
IsUpdateStep(s) == Program(s.covered[1][2]) \in Updates
Heals(s) == s.made = "merge"

(* While an actor is marked it makes no step but of updates. *)
StoppedStep ==
    \A a \in Actors : IsMarked(db, a) /\ New(a) # <<>> =>
        /\ IsUpdateStep(New(a)[1])
        /\ IsMarked(db', a) /\ db'.marks[a] = db.marks[a] =>
              \A i \in 1 .. Len(New(a)) : IsUpdateStep(New(a)[i])
Stopped == [][StoppedStep]_vars

(* A mark vanishes in the update of references that moves the head to an admitted update, and then it does vanish. *)
HealedStep ==
    left'.unmarks = left.unmarks => \A a \in Actors : IsMarked(db, a) /\ a \notin db'.gone =>
        ((db'.marks[a] # db.marks[a]) <=> (\E i \in 1 .. Len(New(a)) : Heals(New(a)[i])))
Healed == [][HealedStep]_vars

(* A mark is set where there is none, at the head from which its run began. *)
ExpectedStep ==
    ~ Grouped => \A a \in Actors : \A r \in Runtimes :
        (db'.marked # db.marked /\ run[r][a].on /\ ~ run'[r][a].on) =>
            db.marks[a] = NoMark /\ run[r][a].head = db.heads[a]
Expected == [][ExpectedStep]_vars

(* A step is adopted only from the head and the mark with which its run began. *)
AdoptedStep ==
    ~ Grouped => \A a \in Actors, r \in Runtimes :
        (New(a) # <<>> /\ run[r][a].on /\ ~ run'[r][a].on) =>
            run[r][a].head = db.heads[a] /\ run[r][a].mark = db.marks[a]
Adopted == [][AdoptedStep]_vars

-----------------------------------------------------------------------------
(* A: what a runtime may begin *)

Begins(r, a) == run'[r][a].on /\ run[r][a] # run'[r][a]
BeginCovers(r, a) == Covers(InboxOf(run'[r][a].head), run'[r][a].proposal)

(* One run of an actor at a time, from the head that the one before it left. *)
SerialStep == \A r \in Runtimes, a \in Actors :
    Begins(r, a) => ~ run[r][a].on /\ run'[r][a].head = view[r].heads[a]
Serial == [][SerialStep]_vars

(* The attempt of a run follows from the counted failures of the messages that it covers. *)
AttemptedStep == \A r \in Runtimes, a \in Actors :
    LET failures(e) == Count(memory[r], a, e)
        covered == Range(BeginCovers(r, a))
    IN  Begins(r, a) => /\ \A e \in covered : failures(e) < run'[r][a].attempt
                        /\ \E e \in covered : failures(e) = run'[r][a].attempt - 1
Attempted == [][AttemptedStep]_vars

(* After a failure of several messages, each of them runs alone as long as one is unread. *)
AloneStep == \A r \in Runtimes, a \in Actors :
    (Begins(r, a) /\ memory[r].isolated[a] \cap AllMail(view[r], a) # {}) => Len(BeginCovers(r, a)) = 1
Alone == [][AloneStep]_vars

(* A declined proposal is not run again until the head of its actor or mail to it has changed. *)
DeclinedStep == \A r \in Runtimes, a \in Actors :
    Begins(r, a) => \A d \in memory[r].declined[a] :
        (d.head = view[r].heads[a] /\ d.tips = TipsTo(view[r], a)) => d.proposal # run'[r][a].proposal
DeclinedWaits == [][DeclinedStep]_vars

(* A marked actor runs nothing but updates. *)
MarkedStep == \A r \in Runtimes, a \in Actors :
    Begins(r, a) /\ IsMarked(view[r], a) => Program(BeginCovers(r, a)[1][2]) \in Updates
MarkedWaits == [][MarkedStep]_vars

(* Delayed messages wait. *)
DelayedStep == \A r \in Runtimes, a \in Actors :
    Begins(r, a) => Range(BeginCovers(r, a)) \cap memory[r].delayed[a] = {}
Delayed == [][DelayedStep]_vars

(* A cleanup begins when every other channel is empty or has a cleanup as its oldest message. *)
CleanupStep == \A r \in Runtimes, a \in Actors :
    (Begins(r, a) /\ Program(BeginCovers(r, a)[1][2]) = "cleanup" /\ run'[r][a].head # NoHead) =>
        \A x \in Everyone : x # BeginCovers(r, a)[1][1] /\ Mail(view[r], x, a) # <<>> =>
            Program(Oldest(view[r], x, a)) = "cleanup"
CleanupLast == [][CleanupStep]_vars

(* A mark comes with the last of max_attempts counted failures, and only failures of single messages are counted. *)
CountedStep == \A a \in Actors, r \in Runtimes :
    (~ Grouped /\ db'.marks[a] # NoMark /\ db'.marks[a] # db.marks[a] /\ run[r][a].on /\ ~ run'[r][a].on) =>
        /\ Count(memory[r], a, db'.marks[a]) = MaxAttempts - 1
        /\ Len(Covers(InboxOf(run[r][a].head), run[r][a].proposal)) = 1
Counted == [][CountedStep]_vars

(* A result that is not admitted is a failure: it is counted, or the actor is isolated or marked. *)
BadResultStep == \A a \in Actors, r \in Runtimes :
    LET covered == Covers(InboxOf(run[r][a].head), run[r][a].proposal)
        ends == run[r][a].on /\ ~ run'[r][a].on /\ left' = left
    IN  (ends /\ \E i \in 1 .. Len(covered) : Program(covered[i][2]) = "illegal") =>
            \/ New(a) # <<>>
            \/ db'.marks[a] # db.marks[a]
            \/ memory'[r].counts[a] # memory[r].counts[a]
            \/ memory'[r].isolated[a] # memory[r].isolated[a]
BadResult == [][BadResultStep]_vars

(* A run that is abandoned leaves nothing behind. *)
AbandonedStep == left'.abandons # left.abandons => db' = db /\ view' = view /\ memory' = memory
Abandoned == [][AbandonedStep]_vars

(* A kill and the next start change nothing in the store. *)
SurvivesStep == left'.kills # left.kills => db' = db
Survives == [][SurvivesStep]_vars

(* A count is kept until its message is covered, the mark is removed or the runtime ends. *)
CountKeptStep == \A r \in Runtimes, a \in Actors : \A t \in memory[r].counts[a] :
    \/ Count(memory'[r], a, <<t[1], t[2]>>) >= t[3]
    \/ t[2] \in Range(CoveredFrom(view'[r].heads[a], t[1]))
    \/ IsMarked(view[r], a) /\ ~ IsMarked(view'[r], a)
    \/ memory'[r] = NothingKnown
    \/ a \in view'[r].gone
CountKept == [][CountKeptStep]_vars

-----------------------------------------------------------------------------
(* The end of actors, and actors that are away *)

(* An actor is collected only if nothing holds it at that moment. *)
CollectedStep == \A a \in Actors : a \in db'.gone \ db.gone => Collectible(db, a, "none")
Collected == [][CollectedStep]_vars

(* An actor that is gone has neither a head nor a mark. *)
Final == \A a \in db.gone : db.heads[a] = NoHead /\ db.marks[a] = NoMark

(* Once gone, always gone: the actor is never created again. *)
GoneStep == db.gone \subseteq db'.gone
Gone == [][GoneStep]_vars

(* While an actor is away it makes no step and gets no mark. *)
AwayStep == \A a \in db.away :
    (a \in db'.away /\ a \notin db'.gone) => db'.heads[a] = db.heads[a] /\ db'.marks[a] \in {db.marks[a], NoMark}
Away == [][AwayStep]_vars

-----------------------------------------------------------------------------
(* S: rest, declined proposals, and what clients were promised *)

(* Nothing is proposable if and only if each channel with mail has one of the five reasons to rest. A proposal may remain that
   covers only messages that a larger proposal covered when it was declined. *)
Rest == \A r \in Runtimes : ~ Busy(r) /\ ~ Waits(r) =>
    LET left_over(a) == Choices(view[r], memory[r], a, "none")
    IN  /\ (\A a \in Actors : left_over(a) = {}) => AtRest(r)
        /\ AtRest(r) => \A a \in Actors : \A p \in left_over(a) : \A x \in Everyone : p[x] # None =>
              \E d \in memory[r].declined[a] :
                  <<x, Oldest(view[r], x, a)>> \in Range(Covers(InboxOf(d.head), d.proposal))

(* An injection that was answered is in the durable chain of the agent, once for each answer. A client that writes to an actor
   that is gone and released may send the same message again: nobody reads it. *)
Answered == \A i \in 1 .. Len(answered) :
    LET to == answered[i][1]
        times == Times(answered[i][2], SentTo(db.heads[Agent], to))
    IN  times >= IF to \in db.gone THEN 1 ELSE Times(answered[i], answered)

-----------------------------------------------------------------------------
(* A: the state table of spec/runtime/states.json. The driver writes the module StateTable from that file. *)

StateOf(r, a) ==
    IF run[r][a].on THEN "running"
    ELSE IF IsMarked(view[r], a) THEN "irrecoverable"
    ELSE IF memory[r].delayed[a] # {} THEN "backing-off"
    ELSE IF view[r].heads[a] # NoHead THEN "idle"
    ELSE "absent"

ChangesOf(r, a) ==
    (IF view'[r].heads[a] # view[r].heads[a] /\ view'[r].heads[a] # NoHead THEN {"head"} ELSE {})
    \cup (IF view'[r].heads[a] = NoHead /\ view[r].heads[a] # NoHead THEN {"head-removed"} ELSE {})
    \cup (IF view'[r].marks[a] # NoMark /\ view[r].marks[a] = NoMark THEN {"mark"} ELSE {})
    \cup (IF view'[r].marks[a] = NoMark /\ view[r].marks[a] # NoMark THEN {"mark-removed"} ELSE {})
    \cup (IF a \in view'[r].gone /\ a \notin view[r].gone THEN {"gone"} ELSE {})

(* Changes that the table calls optional: a receipt if the sender is not the agent, a removal of a mark if there is one. *)
Optional == {"receipt", "mark-removed"}

(* A pair of states of one actor, and the changes between them, are a row of the table. With two runtimes the other one changes
   heads too, which is no event; and a kill ends all runs at once. *)
TableStep == (Cardinality(Runtimes) = 1 /\ left'.kills = left.kills) => \A r \in Runtimes, a \in Actors :
    LET before == StateOf(r, a)
        after == StateOf(r, a)'
        changes == ChangesOf(r, a)
    IN  (before # after \/ changes # {}) =>
           \E row \in Transitions :
              /\ row.state = before
              /\ row.next = IF row.next = "resting" THEN row.next ELSE after
              /\ row.next = "resting" => after # "running"
              /\ changes \subseteq row.change
              /\ row.change \subseteq changes \cup Optional
Table == [][TableStep]_vars

-----------------------------------------------------------------------------
(* L: the long run, with finitely many injections and kills. A runtime that can work works sooner or later. This is stated with a
   plain condition on states: TLC is slow at deciding whether an action is possible. *)

CanWork(r) ==
    \/ Busy(r)
    \/ Waits(r)
    \/ \E a \in Actors : Choices(view[r], memory[r], a, Broken) # {}
    \/ Grouped /\ view[r] # db
    \/ memory[r].open # <<>>

Fair == \A r \in Runtimes : []<>(~ CanWork(r)) \/ []<><<Work(r)>>_vars
FairSpec == Spec /\ Fair

(* The runtime comes to rest. *)
ComesToRest == \A r \in Runtimes : <>[]AtRest(r)

(* Unread mail is covered, superseded or withdrawn, or it has one of the reasons to rest. *)
Read == \A a \in Actors, x \in Everyone : \A r \in Runtimes :
    (Mail(view[r], x, a) # <<>>) ~> (Mail(view[r], x, a) = <<>> \/ Rests(view[r], memory[r], x, a))
=============================================================================
