-------------------------------- MODULE Model -------------------------------
(* Model: the first state and all actions. A run of the model chooses constants: see bounds.json. *)
EXTENDS Life

CONSTANTS
    Born,           \* the actors that have a head at the beginning
    Injections,     \* how many messages clients inject
    Kills,          \* how often a runtime is killed
    Abandons,       \* how many runs are abandoned
    Unmarks,        \* how many marks an operator removes
    Acks,           \* how many messages to the agent are acknowledged, or effects answered
    Ends,           \* how many collections are requested
    Names,          \* how often a name is set or removed
    Aways,          \* how often an actor goes away or returns
    Releases        \* how many releases and cuts are requested

(* The first step of an actor. The model begins behind the genesis of the actors that are Born, as if the message had come from
   elsewhere: their inbox is empty. *)
FirstStep(x) == Extended(NoHead, NoMail, Result(x, "none", NoMail, NoMail, NewCore, IF x = Agent THEN "agent" ELSE "code"), <<>>)

Init ==
    /\ db = [heads  |-> [x \in Everyone |-> IF x \in Born \cup {Agent} THEN FirstStep(x) ELSE NoHead],
             marks  |-> [a \in Actors |-> NoMark],
             away   |-> {},
             gone   |-> {},
             names  |-> {},
             ended  |-> [x \in Everyone |-> NoHead],
             marked |-> <<>>]
    /\ view = [r \in Runtimes |-> db]
    /\ memory = [r \in Runtimes |-> NothingKnown]
    /\ run = [r \in Runtimes |-> [a \in Actors |-> NoRun]]
    /\ left = [injections |-> Injections, kills |-> Kills, abandons |-> Abandons, unmarks |-> Unmarks, acks |-> Acks,
               ends |-> Ends, names |-> Names, aways |-> Aways, releases |-> Releases]
    /\ answered = <<>>

(* What a runtime does on its own. *)
Work(r) ==
    \/ \E a \in Actors : Begin(r, a) \/ End(r, a) \/ DelayOver(r, a)
    \/ Flush(r)
    \/ CollectCommit(r)
    \/ Reply(r)

(* What the world does to it. *)
World(r) ==
    \/ \E to \in Targets, label \in Labels, mode \in Modes : Inject(r, to, label, mode)
    \/ \E a \in Actors : Abandon(r, a) \/ Unmark(r, a) \/ Ack(r, a) \/ Resolve(r, a) \/ Release(r, a)
    \/ CollectRead(r)
    \/ Cut(r)
    \/ Kill(r)

Next ==
    \/ \E r \in Runtimes : Work(r) \/ World(r)
    \/ \E a \in Actors : Name(a) \/ GoAway(a) \/ ComeBack(a)

Spec == Init /\ [][Next]_vars
=============================================================================
