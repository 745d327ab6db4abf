-------------------------------- MODULE Requests -----------------------------
(* Requests: behaviours that an implementation can follow, one request after another.

   A request to an implementation is atomic: `runtime.choose` begins and ends a run. So a behaviour is followed only if Adjacent
   holds for each state and the next one, and only with one runtime without group commit. Only the promises check what
   happens within a request. *)
EXTENDS Promises

R == CHOOSE r \in Runtimes : TRUE

(* The end of a run follows its begin, a collection reads and commits at once, an actor goes away or returns while the runtime is
   stopped, and a mark is removed while it is stopped. *)
Adjacent ==
    /\ (\E a \in Actors : run[R][a].on) => (\A a \in Actors : ~ run'[R][a].on) /\ left' = left
    /\ memory[R].seen # {} => memory'[R].seen = {}
    /\ db.away # view[R].away => left'.kills < left.kills
    /\ left'.unmarks < left.unmarks => memory'[R] = NothingKnown

(* What an implementation must list: of all proposals that may be run now those that the chapter on schedules names. They have the
   oldest message of one sender, the longest run of ordinary messages of one sender, or that of all senders. While a message is
   delayed they are updates. *)
Ordinary(a, x) ==
    LET mail == Mail(view[R], x, a)
        runs == {k \in 1 .. Len(mail) : \A i \in 1 .. k : Kind(mail[i], view[R].heads[a]) = "ordinary"}
    IN  IF runs = {} THEN None ELSE mail[Cardinality(runs)]

Forms(a) ==
    {[NoMail EXCEPT ![x] = Oldest(view[R], x, a)] : x \in {y \in Everyone : Mail(view[R], y, a) # <<>>}}
    \cup {[NoMail EXCEPT ![x] = Ordinary(a, x)] : x \in Everyone}
    \cup {[x \in Everyone |-> Ordinary(a, x)]}

Ready == [a \in Actors |->
    {p \in Choices(view[R], memory[R], a, "none") \cap Forms(a) :
        memory[R].delayed[a] = {} \/ Kind(Covers(InboxOf(view[R].heads[a]), p)[1][2], view[R].heads[a]) = "update"}]

(* A run is one that is listed, or one that is never allowed: so a mutant cannot make a run that an implementation may only leave
   out of its list. *)
Chosen == \A a \in Actors : Begins(R, a) =>
    run'[R][a].proposal \in Ready[a] \/ run'[R][a].proposal \notin Choices(view[R], memory[R], a, "none")

VARIABLE ready      \* what is listed in this state

RequestsInit == Init /\ ready = Ready
RequestsNext == Next /\ Adjacent /\ Chosen /\ ready' = Ready'
RequestsSpec == RequestsInit /\ [][RequestsNext]_<<vars, ready>>

-----------------------------------------------------------------------------
(* Events of the state table of an actor, over two states of which the first has its run in progress, or none. *)

RunEnds(a) == run[R][a].on /\ ~ run'[R][a].on /\ left' = left
Covered(a) == Covers(InboxOf(run[R][a].head), run[R][a].proposal)
Reads(a, program) == \E i \in 1 .. Len(Covered(a)) : Program(Covered(a)[i][2]) = program
Steps(a) == Len(db'.heads[a]) > Len(db.heads[a])
Made(a) == Last(db'.heads[a]).made

(* The state of an actor, as if its run was not in progress. *)
Resting(a) ==
    IF IsMarked(db, a) THEN "irrecoverable"
    ELSE IF memory[R].delayed[a] # {} THEN "backing-off"
    ELSE IF db.heads[a] # NoHead THEN "idle"
    ELSE "absent"

Event(name, a) ==
    CASE name = "genesis-proposable"  -> RunEnds(a) /\ run[R][a].head = NoHead /\ Steps(a)
      [] name = "proposal-proposable" -> RunEnds(a) /\ run[R][a].head # NoHead /\ ~ IsMarked(db, a)
      [] name = "update-proposable"   -> RunEnds(a) /\ run[R][a].head # NoHead /\ IsMarked(db, a)
      [] name = "delay-over"          -> /\ \A b \in Actors : ~ run[R][b].on
                                         /\ left' = left /\ memory'[R].delayed[a] # memory[R].delayed[a]
      [] name = "step-admitted"       -> RunEnds(a) /\ Steps(a) /\ Made(a) = "code"
      [] name = "update-admitted"     -> RunEnds(a) /\ Steps(a) /\ IsMarked(db, a) /\ ~ IsMarked(db', a)
      [] name = "update-refused"      -> RunEnds(a) /\ Steps(a) /\ Reads(a, "refused-update")
      [] name = "declined"            -> RunEnds(a) /\ memory'[R].declined[a] # {} /\ ~ Steps(a)
      [] name = "failed-many"         -> RunEnds(a) /\ memory'[R].isolated[a] # {} /\ memory[R].isolated[a] = {}
      [] name = "failed-again"        -> RunEnds(a) /\ memory'[R].delayed[a] # memory[R].delayed[a] /\ ~ Steps(a)
      [] name = "failed-last"         -> RunEnds(a) /\ IsMarked(db', a) /\ ~ IsMarked(db, a)
      [] name = "failed-last-update"  -> RunEnds(a) /\ Steps(a) /\ Reads(a, "bad-update")
      [] name = "collected"           -> a \in db'.gone /\ a \notin db.gone
      [] name = "unmarked"            -> left'.unmarks < left.unmarks /\ IsMarked(db, a) /\ ~ IsMarked(db', a)

(* A row of the state table: the event occurs in this state of some actor. *)
Row(state, name) == \E a \in Actors : (state = "running" \/ state = Resting(a)) /\ Event(name, a)
=============================================================================
