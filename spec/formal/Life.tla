-------------------------------- MODULE Life --------------------------------
(* Life: the collection of actors, actors that are away, names, and release and cut, which keep the agent small. *)
EXTENDS Edge

-----------------------------------------------------------------------------
(* Collection *)

(* The four conditions of the chapter on collection. runtime.collect.held *)
Collectible(v, a, off) ==
    /\ v.heads[a] # NoHead
    /\ off = "collect-held" \/ \A x \in Everyone \ {a} : OutboxOf(v.heads[x])[a] = None
    /\ off = "collect-named" \/ a \notin v.names
    /\ off = "collect-unread" \/ \A y \in Everyone \ {a} :
          LET sent == OutboxOf(v.heads[a])[y]
          IN  sent # None => sent = InboxOf(v.heads[y])[a] \/ y \in v.gone

(* A collection reads all heads and names at one moment... *)
CollectRead(r) ==
    /\ left.ends > 0
    /\ left' = [left EXCEPT !.ends = @ - 1]
    /\ memory' = [memory EXCEPT ![r].seen = {db}]
    /\ UNCHANGED <<db, view, run, answered>>

(* ...and its update expects them all. If one has changed, it reads them again. For each collectible actor the update removes the
   head and the mark, and sets gone. runtime.collect.collected, runtime.collect.seen, runtime.recover.collect *)
CollectCommit(r) ==
    \E seen \in memory[r].seen :
        LET collected == {a \in Actors : Collectible(seen, a, Broken)}
            same == seen.heads = db.heads /\ seen.names = db.names
            without(v) == [v EXCEPT
                !.ended = [x \in Everyone |-> IF x \in collected THEN db.heads[x] ELSE @[x]],
                !.heads = [x \in Everyone |-> IF x \in collected THEN NoHead ELSE @[x]],
                !.marks = [a \in Actors |-> IF a \in collected /\ Broken # "collect-mark" THEN NoMark ELSE @[a]],
                !.away = @ \cup collected,
                !.gone = @ \cup collected]
            known == [memory[r] EXCEPT !.seen = {},
                                       !.counts = [a \in Actors |-> IF a \in collected THEN {} ELSE @[a]],
                                       !.delayed = [a \in Actors |-> IF a \in collected THEN {} ELSE @[a]],
                                       !.isolated = [a \in Actors |-> IF a \in collected THEN {} ELSE @[a]]]
        IN  /\ IF Guard("collect-seen", same)
               THEN /\ db' = without(db)
                    /\ view' = [view EXCEPT ![r] = without(@)]
                    /\ memory' = [memory EXCEPT ![r] = Tidy(known, view'[r])]
               ELSE /\ memory' = [memory EXCEPT ![r].seen = {db}]
                    /\ UNCHANGED <<db, view>>
            /\ UNCHANGED <<run, left, answered>>

(* An operator names an actor, or removes the name. runtime.name.inert *)
Name(a) ==
    /\ left.names > 0
    /\ left' = [left EXCEPT !.names = @ - 1]
    /\ db' = [db EXCEPT !.names = IF a \in @ THEN @ \ {a} ELSE @ \cup {a}]
    /\ UNCHANGED <<view, memory, run, answered>>

-----------------------------------------------------------------------------
(* Actors that are away: archived, closed or moved. The model does not distinguish them: what matters is that the reference exists.
   Another process sets and removes it, so the runtime learns of it at its next start. runtime.away.still, runtime.away.expected *)

GoAway(a) ==
    /\ left.aways > 0
    /\ a \notin db.away
    /\ left' = [left EXCEPT !.aways = @ - 1]
    /\ db' = [db EXCEPT !.away = @ \cup {a}]
    /\ UNCHANGED <<view, memory, run, answered>>

(* An actor that is gone never returns. runtime.collect.final *)
ComeBack(a) ==
    /\ a \in db.away
    /\ Guard("gone-returns", a \notin db.gone)
    /\ left.aways > 0
    /\ left' = [left EXCEPT !.aways = @ - 1]
    /\ db' = [db EXCEPT !.away = @ \ {a}, !.gone = @ \ {a}]
    /\ UNCHANGED <<view, memory, run, answered>>

-----------------------------------------------------------------------------
(* Release and cut *)

(* The agent drops its entries for an actor, unless mail between them is unread. It keeps its cursor as long as the head of the
   actor has an entry for the agent. The update expects the head of the actor as it was read.
   runtime.release.entries, runtime.release.kept, runtime.release.refused *)
Release(r, a) ==
    LET v == view[r]
        head == db.heads[Agent]
        unread == Mail(v, a, Agent) # <<>> \/ Mail(v, Agent, a) # <<>>
        keeps == v.heads[a] # NoHead /\ OutboxOf(v.heads[a])[Agent] # None /\ Broken # "release-cursor"
        inbox == [InboxOf(head) EXCEPT ![a] = IF keeps THEN @ ELSE None]
        outbox == [OutboxOf(head) EXCEPT ![a] = None]
    IN  /\ left.releases > 0
        /\ ~ Grouped
        /\ a \in v.away \/ ~ unread \/ Broken = "release-busy"
        /\ inbox # InboxOf(head) \/ outbox # OutboxOf(head)
        /\ left' = [left EXCEPT !.releases = @ - 1]
        /\ IF Guard("release-expected", db.heads[a] = v.heads[a] /\ head = v.heads[Agent])
           THEN Change(r, AgentStep(db, inbox, outbox)) /\ memory' = [memory EXCEPT ![r] = Tidy(@, view'[r])]
           ELSE Discard(r)
        /\ UNCHANGED <<run, answered>>

(* One step replaces the chain of the agent. Its inbox holds a note that makes the step unlike that of any other cut.
   runtime.cut.step, runtime.cut.unread *)
Cut(r) ==
    LET head == db.heads[Agent]
        inbox == [InboxOf(head) EXCEPT ![Agent] = <<<<"cut", Len(head)>>>>]
        kept == IF Broken = "cut-drops" THEN [inbox EXCEPT ![CHOOSE a \in Actors : TRUE] = None] ELSE inbox
        result == Result(Agent, "none", kept, OutboxOf(head), CoreOf(head), "cut")
    IN  /\ left.releases > 0
        /\ ~ Grouped
        /\ Last(head).previous # "none"
        /\ Mail(db, Agent, Agent) = <<>>
        /\ left' = [left EXCEPT !.releases = @ - 1]
        /\ Change(r, [db EXCEPT !.heads[Agent] = Extended(head, NoMail, result, <<>>)])
        /\ memory' = [memory EXCEPT ![r] = Tidy(@, view'[r])]
        /\ UNCHANGED <<run, answered>>
=============================================================================
