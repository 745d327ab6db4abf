-------------------------------- MODULE Model -------------------------------
(* Model: the first state and all actions. A run of the model chooses constants: see bounds.json. *)
EXTENDS Edge

CONSTANTS
    Born,           \* the actors that have a head at the beginning
    Injections,     \* how many messages clients inject
    Kills,          \* how often a runtime is killed
    Abandons        \* how many runs are abandoned

(* The first step of an actor. The model begins behind the genesis of the actors that are Born, as if the message had come from
   elsewhere: their inbox is empty. *)
FirstStep(x) == Extended(NoHead, NoMail, Result(x, "none", NoMail, NoMail, NewCore, IF x = Agent THEN "agent" ELSE "code"), <<>>)

Init ==
    /\ db = [heads  |-> [x \in Everyone |-> IF x \in Born \cup {Agent} THEN FirstStep(x) ELSE NoHead],
             marks  |-> [a \in Actors |-> NoMark],
             away   |-> {},
             marked |-> <<>>]
    /\ view = [r \in Runtimes |-> db]
    /\ memory = [r \in Runtimes |-> NothingKnown]
    /\ run = [r \in Runtimes |-> [a \in Actors |-> NoRun]]
    /\ left = [injections |-> Injections, kills |-> Kills, abandons |-> Abandons]
    /\ answered = <<>>

(* What a runtime does on its own. *)
Work(r) ==
    \/ \E a \in Actors : Begin(r, a) \/ End(r, a) \/ DelayOver(r, a)
    \/ Flush(r)
    \/ Reply(r)

(* What the world does to it. *)
World(r) ==
    \/ \E to \in Targets, label \in Labels, mode \in Modes : Inject(r, to, label, mode)
    \/ \E a \in Actors : Abandon(r, a)
    \/ Kill(r)

Next == \E r \in Runtimes : Work(r) \/ World(r)

Spec == Init /\ [][Next]_vars
=============================================================================
