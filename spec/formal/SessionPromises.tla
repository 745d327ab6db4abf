-------------------------- MODULE SessionPromises ---------------------------
(* SessionPromises: what must be true of residency. S: in every state. A: between two states. L: in the long run.
   profiles-invariants.json names the rules that each promise states. *)
EXTENDS Session

(* S: a session is in one place: one reference of one store, or a bundle on its way. *)
Places(s) ==
    {<<x, "head">> : x \in {y \in Stores : db[y].head[s] # None}}
    \cup {<<x, "archived">> : x \in {y \in Stores : db[y].archived[s] # None}}
    \cup {<<x, "closed">> : x \in {y \in Stores : db[y].closed[s] # None}}
    \cup {<<"none", "parcel">> : y \in {z \in {s} : parcel[z] # None}}
OneOwner == \A s \in Sessions : IF newest[s] = None THEN Places(s) = {} ELSE Cardinality(Places(s)) = 1

(* S: the place that has a session has its newest step. *)
NewestStep == \A s \in Sessions, x \in Stores :
    /\ db[x].head[s] \in {None, newest[s]}
    /\ db[x].archived[s] \in {None, newest[s]}
    /\ parcel[s] \in {None, newest[s]}

(* A: the steps of a session are one line, wherever they are made. *)
Size(step) == Len(step.read) + step.heard
StepLine == [][\A s \in Sessions : newest[s] # None =>
    IsPrefix(newest[s].read, newest'[s].read) /\ Size(newest'[s]) \in {Size(newest[s]), Size(newest[s]) + 1}]_vars

(* A: a session that is away makes no step, and a closed one stays closed. *)
AwayStill == [][\A s \in Sessions, x \in Stores :
    /\ Away(db[x], s) => db'[x].head[s] \in {None, db[x].archived[s]}
    /\ db[x].closed[s] # None => db'[x].closed[s] = db[x].closed[s] /\ db'[x].head[s] = None /\ db'[x].archived[s] = None]_vars

(* S: what a session has read is on the chain of the agent of its store, so that no message is delivered twice. *)
ReadOnceInOrder == \A s \in Sessions, x \in Stores : db[x].head[s] # None => IsPrefix(db[x].head[s].read, db[x].out[s])

(* S: replies that an agent acknowledged in any store are not listed again where the session lives now. *)
NotListedAgain == \A s \in Sessions, x, y \in Stores : db[x].head[s] # None => IsPrefix(db[y].seen[s], db[x].seen[s])

(* A: a session is archived only if it is quiet at that moment, and not leased in the runtime that archives it. *)
Archives(x, s) == db[x].archived[s] = None /\ db'[x].archived[s] # None /\ db[x].head[s] # None
ArchivedQuiet == [][\A s \in Sessions, x \in Stores : Archives(x, s) => Quiet(db[x], s)]_vars
LeasePins == [][\A h \in Hosts, s \in Sessions :
    Archives(Home(h), s) /\ host[h].plan # NoPlan /\ host'[h].plan = NoPlan => ~ Leased(host[h], db[Home(h)], s)]_vars

(* S: at most max_live sessions are live. *)
LiveBound == \A x \in Stores : Cardinality(LiveOnes(db[x])) <= MaxLive

(* S: the notices and the references agree, so that a bundle shows the residency of each session. *)
Residency == \A s \in Sessions, x \in Stores :
    LET last == LastNotice(db[x], s, {"archived", "restored", "closed"})
    IN  /\ last[1] = "archived" => Away(db[x], s) /\ db[x].head[s] = None
        /\ last[1] = "restored" => db[x].head[s] # None \/ db[x].moved[s] # None
        /\ (last[1] = "closed") = (db[x].closed[s] # None)
        /\ db[x].closed[s] # None => last[3] = db[x].closed[s]
        /\ db[x].archived[s] # None => last[1] \in {"archived", "none"} \/ Apart

(* S: for an archived session that is needed, a restore request was sent since it was archived. *)
RestoreWanted == \A h \in Hosts, s \in Sessions :
    LET d == db[Home(h)]
    IN  d.archived[s] # None /\ (Told(d, s) > d.archived[s].heard \/ Key(d, s) \in host[h].asked) => IsWanted(d, s)

(* A: a runtime sends one restore request for each stay in the archive. *)
AskedOnce == [][\A h \in Hosts, s \in Sessions :
    LET d == db[Home(h)]
        new == db'[Home(h)].notices
        own == host[h].plan # NoPlan /\ host'[h].plan = NoPlan
    IN  own /\ Len(new) > Len(d.notices) /\ new[Len(d.notices) + 1] = <<"requested", s, d.archived[s]>>
            => Key(d, s) \notin host[h].asked]_vars

(* L: mail to an archived session is read, if the runtime works on and a program answers restore requests. Fairness is a plain
   predicate: ENABLED would be slow. *)
CanWork == \E h \in Hosts :
    \/ host[h].plan # NoPlan
    \/ \E s \in Sessions : Permits("step", s, host[h], db[Home(h)])
                         \/ (IsWanted(db[Home(h)], s) /\ Permits("restore", s, host[h], db[Home(h)]))
WorkStep == \E h \in Hosts :
    \/ Publish(h)
    \/ \E s \in Sessions : Run(h, s) \/ (IsWanted(db[Home(h)], s) /\ Request(h, "restore", s, "none"))
FairSpec == Spec /\ ([]<>~CanWork \/ []<><<WorkStep>>_vars)

Waits(s) == \E x \in Stores : newest[s] # None /\ Told(db[x], s) > newest[s].heard
ReadAtLast == \A s \in Sessions : Waits(s) ~> ~ Waits(s)

-----------------------------------------------------------------------------
(* Holes: sentences that this model violates and that the text does not promise *)

(* A lease keeps every runtime from archiving the session. Another runtime does not know it. session.lease.pins *)
LeasePinsForAll == [][\A h \in Hosts, s \in Sessions : Archives(Home(h), s) => ~ Leased(host[h], db[Home(h)], s)]_vars

(* Mail of another session follows to the store in which the session is restored. It stays where it was sent.
   session.away.mail *)
MailFollows == \A s \in Sessions, x, y \in Stores :
    db[x].head[s] # None => Told(db[y], s) <= db[x].head[s].heard + Told(db[x], s)
=============================================================================
