------------------------------- MODULE Store --------------------------------
(* Store: objects and references of one store while a run makes a step, a prune of another process removes what nothing reaches,
   blobs are erased, and the process is killed.

   The objects are five: the head, the step that a run makes, its core, a blob in the core, and a mark. The step leads to the
   head and to its core, and the core leads to the blob. A prune removes one object after the other: between two removals
   anything may happen. *)
EXTENDS Naturals, FiniteSets

CONSTANTS
    Broken,     \* the name of the one guard that is off, "none" in the model itself
    Operations, \* how many operations there are
    Kills       \* how often the process is killed

VARIABLES
    present,    \* the objects in the store; a tombstone is present
    erased,     \* the blobs that were erased
    refs,       \* the targets of heads/a and failed/a
    pinned,     \* what the run in progress has stored or read
    doomed,     \* what the prune in progress still removes
    before,     \* what was present when the prune in progress began (for checks only)
    left        \* how many operations and kills are left

vars == <<present, erased, refs, pinned, doomed, before, left>>

Guard(name, condition) == Broken = name \/ condition

Objects == {"head", "step", "core", "blob", "mark"}
EdgesOf(o) == CASE o = "step" -> {"head", "core"} [] o = "core" -> {"blob"} [] OTHER -> {}

(* An object and everything that it leads to. *)
RECURSIVE Closure(_)
Closure(o) == {o} \cup UNION {Closure(each) : each \in EdgesOf(o)}

Reached == UNION {Closure(refs[name]) : name \in {n \in DOMAIN refs : refs[n] # "none"}}

Init ==
    /\ present = {"head", "mark"}
    /\ erased = {}
    /\ refs = [heads |-> "head", failed |-> "mark"]
    /\ pinned = {}
    /\ doomed = {}
    /\ before = {}
    /\ left = [operations |-> Operations, kills |-> Kills]

Spend == left.operations > 0 /\ left' = [left EXCEPT !.operations = @ - 1]

(* The run stores an object and pins it. A blob that was erased stays erased. runtime.prune.running, grit.erase.no-return *)
Put(o) ==
    /\ Spend
    /\ o \notin present \/ o \notin pinned
    /\ present' = present \cup {o}
    /\ pinned' = pinned \cup {o}
    /\ erased' = IF Broken = "put-revives" THEN erased \ {o} ELSE erased
    /\ UNCHANGED <<refs, doomed, before>>

(* A blob is erased: its tombstone stays. *)
Erase ==
    /\ Spend
    /\ "blob" \in present
    /\ erased' = erased \cup {"blob"}
    /\ UNCHANGED <<present, refs, pinned, doomed, before>>

(* The update that adopts the step moves the head and removes the mark, together. It expects both references as they were, and
   looks for the closure of the step once more. runtime.head.cas, runtime.head.closed, grit.ref.atomic, grit.ref.target *)
Adopt ==
    /\ Spend
    /\ refs = [heads |-> "head", failed |-> "mark"]
    /\ "step" \in present
    /\ Guard("closure", Closure("step") \subseteq present)
    /\ refs' = IF Broken = "update-apart" THEN [refs EXCEPT !.heads = "step"] ELSE [heads |-> "step", failed |-> "none"]
    /\ pinned' = {}
    /\ UNCHANGED <<present, erased, doomed, before>>

(* A prune finds what nothing reaches and what no run of its own process pins. The run may belong to another process: then the
   prune does not know its pins. grit.prune.exact *)
PruneBegin(knows) ==
    /\ Spend
    /\ doomed = {}
    /\ doomed' = present \ (Reached \cup (IF knows THEN UNION {Closure(o) : o \in pinned} ELSE {}))
    /\ before' = IF doomed' = {} THEN {} ELSE present
    /\ UNCHANGED <<present, erased, refs, pinned>>

(* It removes one of them, an object before those to which it leads, unless a reference reaches it by now.
   grit.prune.order, grit.prune.meanwhile *)
PruneRemove(o) ==
    /\ o \in doomed
    /\ Guard("prune-order", \A each \in doomed \cap present : o \notin EdgesOf(each))
    /\ doomed' = doomed \ {o}
    /\ present' = IF o \in Reached /\ Broken # "prune-stale" THEN present ELSE present \ {o}
    /\ before' = IF doomed' = {} THEN {} ELSE before
    /\ UNCHANGED <<erased, refs, pinned, left>>

(* A kill ends the run and the prune. *)
Kill ==
    /\ left.kills > 0
    /\ left' = [left EXCEPT !.kills = @ - 1]
    /\ pinned' = {}
    /\ doomed' = {}
    /\ before' = {}
    /\ refs' = IF Broken = "kill-reverts" THEN [heads |-> "head", failed |-> "mark"] ELSE refs
    /\ UNCHANGED <<present, erased>>

Next ==
    \/ \E o \in Objects : Put(o) \/ PruneRemove(o)
    \/ \E knows \in BOOLEAN : PruneBegin(knows)
    \/ Erase
    \/ Adopt
    \/ Kill

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* Promises *)

(* Everything that a reference reaches is present. *)
Whole == Reached \subseteq present

(* The two references change together. *)
Together == refs \in {[heads |-> "head", failed |-> "mark"], [heads |-> "step", failed |-> "none"]}

(* If a prune began while an object and its closure were in the store, the object is removed before anything in its closure. An
   object that was put behind the beginning may lose its closure: the update that would name it looks for the closure. *)
CompleteStep == \A o \in doomed :
    (Closure(o) \subseteq before /\ o \in present') => Closure(o) \subseteq present'
Complete == [][CompleteStep]_vars

(* A kill changes no reference. *)
DurableStep == left'.kills # left.kills => refs' = refs
Durable == [][DurableStep]_vars

(* An erased blob stays erased. *)
ErasedStep == erased \subseteq erased'
Erased == [][ErasedStep]_vars
=============================================================================
