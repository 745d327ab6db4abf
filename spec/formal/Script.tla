------------------------------- MODULE Script -------------------------------
(* Script: the behaviour whose actions are the given acts, in this order. gritstone model plan writes the acts. *)
EXTENDS Requests

CONSTANT Acts       \* a sequence of records: act is the name of an action, the other members are its arguments

VARIABLE at         \* the number of the next act


Act(s) ==
    CASE s.act = "Inject"        -> Inject(R, s.actor, s.label, s.mode)
      [] s.act = "Begin"         -> Begin(R, s.actor) /\ run'[R][s.actor].proposal = s.proposal
      [] s.act = "End"           -> End(R, s.actor)
      [] s.act = "DelayOver"     -> DelayOver(R, s.actor) /\ memory'[R].delayed[s.actor] = memory[R].delayed[s.actor] \ {s.message}
      [] s.act = "Ack"           -> Ack(R, s.actor) /\ InboxOf(db'.heads[Agent])[s.actor] = s.message
      [] s.act = "CollectRead"   -> CollectRead(R)
      [] s.act = "CollectCommit" -> CollectCommit(R)
      [] s.act = "Name"          -> Name(s.actor)
      [] s.act = "GoAway"        -> GoAway(s.actor)
      [] s.act = "ComeBack"      -> ComeBack(s.actor)
      [] s.act = "Release"       -> Release(R, s.actor)
      [] s.act = "Cut"           -> Cut(R)
      [] s.act = "Unmark"        -> Unmark(R, s.actor)
      [] s.act = "Kill"          -> Kill(R)

ScriptInit == RequestsInit /\ at = 1
ScriptNext == at <= Len(Acts) /\ at' = at + 1 /\ Act(Acts[at]) /\ ready' = Ready'
ScriptSpec == ScriptInit /\ [][ScriptNext]_<<vars, ready, at>>
Unfinished == at <= Len(Acts)
=============================================================================
