------------------------------ MODULE Runtime -------------------------------
(* Runtime: heads and marks in a store, runs, failures, isolation, group commit, kills.

   There are two layers. The store (db) holds what is durable: heads and marks. Each runtime has a view of heads and marks,
   and works from it. A kill loses the view and everything else that a runtime knows, and the next start reads the store.

     - One runtime without group commit: each outcome goes to the store at once, and the view equals the store, except for what an
       operator changed.
     - Group commit (Grouped): outcomes change the view only, and Flush makes any set of them durable that the rules permit.
     - Two runtimes: each outcome goes to the store by a compare-and-swap of what the run began from. A runtime reads what the
       other did when its own update fails, and at its next start; with its own update it reads only the head of the agent.

   A run is two actions, Begin and an end, because what happens between them is what goes wrong in practice. *)
EXTENDS Wit

CONSTANTS
    Runtimes,       \* one or two names
    Grouped,        \* whether a runtime groups commits
    MaxAttempts     \* counted failures of a message after which its actor is marked

VARIABLES
    db,         \* what is in the store: heads, marks, the actors that are away, those of them that are gone, and named actors.
                \* For checks only: marked lists all marks that were ever set, ended has the last heads of actors that are gone
    view,       \* for each runtime: the db from which it works
    memory,     \* for each runtime: what it knows in addition, for each actor
    run,        \* for each runtime and actor: the run in progress
    left,       \* how many injections, kills and so on the world has left: this bounds the model
    answered    \* <<receiver, message>> of each injection that was answered, in order (for checks only)

vars == <<db, view, memory, run, left, answered>>

NoMark == <<>>
NoRun == [on |-> FALSE]

(* Counted failures as a set of <<sender, message, count>>; delayed messages and the messages of an isolation as sets of
   <<sender, message>>; declined proposals with the head and tips at that time. Edge adds the effects that were answered (resolved)
   and the injections without a reply (open); Life adds what a collection has read (seen). *)
NothingKnown == [counts   |-> [a \in Actors |-> {}],
                 delayed  |-> [a \in Actors |-> {}],
                 isolated |-> [a \in Actors |-> {}],
                 declined |-> [a \in Actors |-> {}],
                 resolved |-> {},
                 open     |-> <<>>,
                 seen     |-> {}]

-----------------------------------------------------------------------------
(* Mail: the difference of two heads. It is stored nowhere else. runtime.route.rest, runtime.recover.mail *)

TipsTo(v, a) == [x \in Everyone |-> OutboxOf(v.heads[x])[a]]
Mail(v, x, a) == Unread(OutboxOf(v.heads[x])[a], InboxOf(v.heads[a])[x])
AllMail(v, a) == UNION {{<<x, m>> : m \in Range(Mail(v, x, a))} : x \in Everyone}
Oldest(v, x, a) == Head(Mail(v, x, a))

IsMarked(v, a) == v.marks[a] # NoMark
IsAway(v, a) == a \in v.away

(* What a runtime knows ends when it no longer fits: an isolation when none of its messages is unread, a declined proposal when
   the head or the mail of the actor has changed. *)
Tidy(m, v) ==
    [m EXCEPT
        !.isolated = [a \in Actors |-> IF m.isolated[a] \cap AllMail(v, a) = {} THEN {} ELSE m.isolated[a]],
        !.declined = [a \in Actors |->
            {d \in m.declined[a] : Broken = "declined-for-ever" \/ (d.head = v.heads[a] /\ d.tips = TipsTo(v, a))}],
        !.resolved = @ \cap AllMail(v, Agent)]

(* Everything that a runtime knows of one actor is dropped. runtime.fail.unmark, runtime.retry.kept *)
Forget(m, a) == [m EXCEPT !.counts[a] = {}, !.delayed[a] = {}, !.isolated[a] = {}, !.declined[a] = {}]

Count(m, a, e) == IF \E t \in m.counts[a] : <<t[1], t[2]>> = e
                  THEN (CHOOSE t \in m.counts[a] : <<t[1], t[2]>> = e)[3]
                  ELSE 0

-----------------------------------------------------------------------------
(* Proposable: the five conditions of the chapter on states, and that the actor is not away *)

(* A cleanup waits until every other channel is empty or has a cleanup as its oldest message. wit.cleanup.begin *)
MayCleanUp(v, a, sender) ==
    \A x \in Everyone \ {sender} :
        Mail(v, x, a) = <<>> \/ Kind(Oldest(v, x, a), v.heads[a]) = "cleanup"

(* off names the condition that a broken runtime ignores. Under "starved" it has a further one: only mail of the agent is read. *)
Proposable(v, m, a, proposal, off) ==
    LET head == v.heads[a]
        covered == Covers(InboxOf(head), proposal)
        kind == Kind(covered[1][2], head)
    IN  /\ off # "starved" \/ covered[1][1] = Agent
        /\ ~ IsAway(v, a)                                                               \* runtime.away.still
        /\ off = "delay-ignored" \/ \A i \in 1 .. Len(covered) : covered[i] \notin m.delayed[a]   \* runtime.retry.delay
        /\ off = "declined-again" \/ \A d \in m.declined[a] : d.proposal # proposal         \* runtime.run.declined
        /\ off = "not-isolated" \/ m.isolated[a] = {} \/ Len(covered) = 1                   \* runtime.retry.isolate
        /\ off = "marked-runs" \/ ~ IsMarked(v, a) \/ kind = "update"                       \* runtime.fail.stop
        /\ off = "cleanup-early" \/ kind # "cleanup" \/ MayCleanUp(v, a, covered[1][1])     \* wit.cleanup.begin

Choices(v, m, a, off) == {p \in Proposals(v.heads[a], TipsTo(v, a), off) : Proposable(v, m, a, p, off)}

(* A broken runtime that keeps a queue also offers messages that a signal superseded. *)
Queued(v, a) ==
    {p \in [Everyone -> {None} \cup UNION {Range(SentTo(v.heads[x], a)) : x \in Everyone}] :
        /\ Cardinality({x \in Everyone : p[x] # None}) = 1
        /\ \A x \in Everyone : p[x] # None =>
              p[x] \in Range(SentTo(v.heads[x], a)) \ Range(CoveredFrom(v.heads[a], x))
        /\ ValidProposal(p, v.heads[a], "none")}

-----------------------------------------------------------------------------
(* Rest, written apart from Proposable, as the five sentences of the chapter on states. The check Rest compares the two. *)

Rests(v, m, x, a) ==
    LET f == Oldest(v, x, a)
        kind == Kind(f, v.heads[a])
    IN  \/ IsAway(v, a)
        \/ kind = "waiting"
        \/ IsMarked(v, a) /\ kind # "update"
        \/ kind = "cleanup" /\ MayCleanUp(v, a, x) = FALSE
        \/ \E d \in m.declined[a] :
              /\ d.head = v.heads[a] /\ d.tips = TipsTo(v, a)
              /\ <<x, f>> \in Range(Covers(InboxOf(d.head), d.proposal))

Busy(r) == \E a \in Actors : run[r][a].on
Waits(r) == \E a \in Actors : memory[r].delayed[a] # {}

AtRest(r) ==
    /\ ~ Busy(r)
    /\ ~ Waits(r)
    /\ \A a \in Actors : \A x \in Everyone : Mail(view[r], x, a) # <<>> => Rests(view[r], memory[r], x, a)

-----------------------------------------------------------------------------
(* A run begins: from the head and the mark that the runtime knows, with the attempt that follows from its counts.
   At most one run of an actor at a time. runtime.head.serial, wit.transition.attempt *)

Attempt(m, a, covered) ==
    1 + (CHOOSE k \in 0 .. MaxAttempts :
            /\ \E i \in 1 .. Len(covered) : Count(m, a, covered[i]) = k
            /\ \A i \in 1 .. Len(covered) : Count(m, a, covered[i]) <= k)

Begin(r, a) ==
    /\ Guard("two-runs", ~ run[r][a].on)
    /\ \E p \in Choices(view[r], memory[r], a, Broken)
              \cup (IF Broken = "superseded-read" THEN Queued(view[r], a) ELSE {}) :
          run' = [run EXCEPT ![r][a] =
              [on |-> TRUE, head |-> view[r].heads[a], mark |-> view[r].marks[a], proposal |-> p,
               attempt |-> IF Broken = "attempt-first" THEN 1 ELSE Attempt(memory[r], a, Covers(InboxOf(view[r].heads[a]), p))]]
    /\ UNCHANGED <<db, view, memory, left, answered>>

-----------------------------------------------------------------------------
(* The end of a run changes heads and marks, of the store or, with group commit, of the view. *)

Target(r) == IF Grouped THEN view[r] ELSE db

(* The compare-and-swap: the head and the mark are still those with which the run began, and the actor is not away.
   runtime.head.cas, runtime.head.mark, runtime.fail.expected, runtime.away.expected, runtime.collect.running *)
Holds(r, a) ==
    LET now == Target(r)
        began == run[r][a]
    IN  /\ Guard("cas-head", now.heads[a] = began.head)
        /\ Guard("cas-mark", now.marks[a] = began.mark)
        /\ Guard("away-adopted", ~ IsAway(now, a))

(* The message behind which the agent queues the next one for an actor: its own entry or, if that was released, what the
   actor read last. runtime.release.resume *)
LastMessage(v, to) ==
    LET own == OutboxOf(v.heads[Agent])[to]
    IN  IF own # None \/ to = Agent \/ Broken = "release-resume" THEN own ELSE InboxOf(v.heads[to])[Agent]

(* The agent makes a step. No code runs for it. runtime.agent.changes *)
AgentStep(v, inbox, outbox) ==
    LET head == v.heads[Agent]
    IN  [v EXCEPT !.heads[Agent] = Extended(head, NoMail, Result(Agent, "last", inbox, outbox, CoreOf(head), "agent"), <<>>)]

(* The receipt for a mark, queued behind the other mail of the agent to the sender. runtime.receipt.form, runtime.receipt.no-loop *)
Receipt(v, a, e) ==
    LET to == e[1]
        receipt == Append(LastMessage(v, to), <<"receipt", a, e[2]>>)
    IN  IF (to = Agent /\ Broken # "receipt-loop") \/ Broken = "receipt-none"
        THEN v
        ELSE AgentStep(v, InboxOf(v.heads[Agent]), [OutboxOf(v.heads[Agent]) EXCEPT ![to] = receipt])

(* What a runtime learns from its own update: the actor that it changed, and the agent. *)
Learned(v, new, a) ==
    [v EXCEPT !.heads[a] = new.heads[a], !.heads[Agent] = new.heads[Agent], !.marks[a] = new.marks[a], !.marked = new.marked]

(* Apply an update of references, and set what the runtime knows. The update changes the store at once, or the view. *)
Apply(r, a, new, m) ==
    LET seen == IF Grouped THEN new ELSE Learned(view[r], new, a)
    IN  /\ db' = IF Grouped THEN db ELSE new
        /\ view' = [view EXCEPT ![r] = seen]
        /\ memory' = [memory EXCEPT ![r] = Tidy(m, seen)]

(* The outcome is discarded, and the runtime reads the store. It forgets what it knew of actors whose mark was removed, and
   the counts of messages that were covered meanwhile. *)
Discard(r) ==
    LET old == view[r]
        unmarked == {a \in Actors : old.marks[a] # NoMark /\ db.marks[a] = NoMark}
        now(a) == {t \in memory[r].counts[a] : t[2] \notin Range(CoveredFrom(db.heads[a], t[1]))}
        known == [memory[r] EXCEPT !.counts = [a \in Actors |-> IF a \in unmarked THEN {} ELSE now(a)],
                                   !.delayed = [a \in Actors |-> IF a \in unmarked THEN {} ELSE @[a]],
                                   !.isolated = [a \in Actors |-> IF a \in unmarked THEN {} ELSE @[a]]]
    IN  /\ view' = [view EXCEPT ![r] = db]
        /\ memory' = [memory EXCEPT ![r] = Tidy(known, db)]
        /\ UNCHANGED db

(* The head moves to the step. An update that is not refused removes the mark in the same update of references.
   runtime.head.cas, runtime.fail.unmark, runtime.retry.kept *)
Adopt(r, a, result) ==
    LET target == Target(r)
        began == run[r][a]
        query == \E i \in 1 .. Len(Covers(InboxOf(began.head), began.proposal)) :
                     Program(Covers(InboxOf(began.head), began.proposal)[i][2]) = "query"
        asked == IF query THEN <<Neighbour(a), view[r].heads[Neighbour(a)]>> ELSE <<>>
        head == Extended(began.head, began.proposal, result, asked)
        heals == result.made = "merge" /\ IsMarked(target, a)
        new == [target EXCEPT !.heads[a] = head,
                              !.marks[a] = IF heals /\ Broken # "heal-keeps-mark" THEN NoMark ELSE @]
        covered == Range(Last(head).covered)
        known == [memory[r] EXCEPT !.counts[a] = {t \in @ : <<t[1], t[2]>> \notin covered /\ Broken # "count-dropped"},
                                   !.delayed[a] = @ \ covered]
    IN  Apply(r, a, new, IF heals THEN Forget(known, a) ELSE known)

(* The last attempt of a message failed: the mark and the receipt are set in one update. runtime.fail.mark, runtime.receipt.form *)
Mark(r, a, e) ==
    LET target == Target(r)
        marked == [target EXCEPT !.marks[a] = e, !.marked = Append(@, <<a, e>>)]
    IN  Apply(r, a, Receipt(marked, a, e), memory[r])

(* A run failed. With several messages the actor is isolated; with one the failure is counted, and the message is delayed, or
   the actor is marked, or the update is refused. runtime.retry.isolate, runtime.retry.count, runtime.fail.update *)
Fail(r, a, covered) ==
    LET e == covered[1]
        count == Count(memory[r], a, e) + 1
        head == view[r].heads[a]
        counted == [memory[r] EXCEPT !.counts[a] = {t \in @ : <<t[1], t[2]>> # e} \cup {<<e[1], e[2], count>>},
                                     !.delayed[a] = @ \cup {e}]
    IN  IF Len(covered) > 1 /\ Broken # "count-several"
        THEN /\ memory' = [memory EXCEPT ![r].isolated[a] = Range(covered)]
             /\ UNCHANGED <<db, view>>
        ELSE IF count < MaxAttempts
        THEN /\ memory' = [memory EXCEPT ![r] = counted]
             /\ UNCHANGED <<db, view>>
        ELSE IF Kind(e[2], head) = "update" /\ Broken # "mark-update"
        THEN Adopt(r, a, CursorOnly(a, run[r][a].head, run[r][a].proposal))
        ELSE Mark(r, a, e)

(* A run ends with one of the outcomes that its code may have, or is discarded. runtime.run.declined *)
End(r, a) ==
    LET began == run[r][a]
        covered == Covers(InboxOf(began.head), began.proposal)
        declined == [proposal |-> began.proposal, head |-> began.head, tips |-> TipsTo(view[r], a)]
    IN  /\ began.on
        /\ \E outcome \in Outcomes(a, began.head, began.proposal, began.attempt) :
              CASE outcome.is = "declined" ->
                      /\ memory' = [memory EXCEPT ![r] = Tidy([@ EXCEPT !.declined[a] = @ \cup {declined}], view[r])]
                      /\ UNCHANGED <<db, view>>
                [] outcome.is = "result" -> IF Holds(r, a) = TRUE THEN Adopt(r, a, outcome) ELSE Discard(r)
                [] outcome.is = "failed" -> IF Broken = "mark-blind" \/ Holds(r, a) = TRUE THEN Fail(r, a, covered) ELSE Discard(r)
        /\ run' = [run EXCEPT ![r][a] = NoRun]
        /\ UNCHANGED <<left, answered>>

(* A runtime may abandon a run. runtime.run.cancel *)
Abandon(r, a) ==
    /\ left.abandons > 0
    /\ run[r][a].on
    /\ run' = [run EXCEPT ![r][a] = NoRun]
    /\ left' = [left EXCEPT !.abandons = @ - 1]
    /\ memory' = IF Broken = "abandon-counts"
                 THEN [memory EXCEPT ![r].isolated[a] = Range(Covers(InboxOf(run[r][a].head), run[r][a].proposal))]
                 ELSE memory
    /\ UNCHANGED <<db, view, answered>>

(* The delay of a message ends, at any time. runtime.retry.running *)
DelayOver(r, a) ==
    /\ \E e \in memory[r].delayed[a] :
          LET known == [memory[r] EXCEPT !.delayed[a] = @ \ {e}]
          IN  IF Broken = "mark-late" /\ ~ IsMarked(view[r], a)
              THEN Apply(r, a, Receipt([Target(r) EXCEPT !.marks[a] = e, !.marked = Append(@, <<a, e>>)], a, e), known)
              ELSE memory' = [memory EXCEPT ![r] = known] /\ UNCHANGED <<db, view>>
    /\ UNCHANGED <<run, left, answered>>

-----------------------------------------------------------------------------
(* Group commit: any set of pending participants becomes durable that these rules permit. *)

(* The steps of a participant, also after it was collected. *)
Chain(v, x) == IF v.heads[x] = NoHead THEN v.ended[x] ELSE v.heads[x]

(* What a step covers was sent by a step that is durable too, or becomes so now. runtime.head.before-route *)
SentIn(new, a) == \A x \in Everyone : \A m \in Range(CoveredFrom(Chain(new, a), x)) : m \in Range(SentTo(Chain(new, x), a))

(* So was the message that a mark names. runtime.fail.sent *)
MarkSentIn(new, a) == IsMarked(new, a) => new.marks[a][2] \in Range(SentTo(Chain(new, new.marks[a][1]), a))

(* The step that answered a query is durable too. runtime.head.asked *)
AskedIn(new, a) ==
    \A i \in 1 .. Len(new.heads[a]) :
        LET asked == new.heads[a][i].asked IN asked # <<>> => IsPrefix(asked[2], Chain(new, asked[1]))

(* A mark and its receipt are set in one update: the store has one receipt for each mark that was ever set for a message of an actor. *)
Receipts(v, x) ==
    LET s == SelectSeq(SentTo(v.heads[Agent], x), LAMBDA m : Program(m) = "receipt")
    IN  [i \in 1 .. Len(s) |-> <<LabelOf(s[i])[2], <<x, LabelOf(s[i])[3]>>>>]
MarkedBy(v, x) == SelectSeq(v.marked, LAMBDA t : t[2][1] = x)
ReceiptsFit(v) == \A x \in Actors : Receipts(v, x) = MarkedBy(v, x)

Flush(r) ==
    /\ Grouped
    /\ \E S \in (SUBSET Everyone) \ {{}} :
          LET wanted == view[r]
              new == [db EXCEPT
                         !.heads = [x \in Everyone |-> IF x \in S THEN wanted.heads[x] ELSE @[x]],
                         !.marks = [a \in Actors |-> IF a \in S THEN wanted.marks[a] ELSE @[a]],
                         !.marked = SelectSeq(wanted.marked, LAMBDA t : t[1] \in S \/ t \in Range(db.marked))]
          IN  /\ \A x \in S : wanted.heads[x] # db.heads[x] \/ (x # Agent /\ wanted.marks[x] # db.marks[x])
              /\ Guard("before-route", \A a \in S \ {Agent} : SentIn(new, a))
              /\ Guard("mark-sent", \A a \in S \ {Agent} : MarkSentIn(new, a))
              /\ Guard("asked", \A a \in S \ {Agent} : AskedIn(new, a))
              /\ Guard("mark-apart", ReceiptsFit(new))
              /\ db' = new
    /\ UNCHANGED <<view, memory, run, left, answered>>

-----------------------------------------------------------------------------
(* An operator removes a mark, and the runtime reads that. The suite does this only while no runtime is started; in the model a
   run may be in progress. runtime.head.mark, runtime.retry.kept *)
Unmark(r, a) ==
    /\ left.unmarks > 0
    /\ ~ Grouped
    /\ IsMarked(db, a)
    /\ left' = [left EXCEPT !.unmarks = @ - 1]
    /\ db' = [db EXCEPT !.marks[a] = NoMark]
    /\ view' = [view EXCEPT ![r] = db']
    /\ memory' = [memory EXCEPT ![r] = Tidy(Forget(@, a), db')]
    /\ UNCHANGED <<run, answered>>

(* A kill at any moment, and the next start: everything is lost but the store. runtime.recover.step, runtime.recover.mail,
   runtime.retry.kept *)
Kill(r) ==
    /\ left.kills > 0
    /\ left' = [left EXCEPT !.kills = @ - 1]
    /\ run' = [run EXCEPT ![r] = [a \in Actors |-> NoRun]]
    /\ memory' = [memory EXCEPT ![r] = IF Broken = "resolved-kept" THEN [NothingKnown EXCEPT !.resolved = memory[r].resolved]
                                        ELSE NothingKnown]
    /\ db' = IF Broken = "start-writes" THEN [db EXCEPT !.marks = [a \in Actors |-> NoMark]] ELSE db
    /\ view' = [view EXCEPT ![r] = db']
    /\ UNCHANGED answered
=============================================================================
