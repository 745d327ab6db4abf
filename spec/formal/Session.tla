------------------------------ MODULE Session -------------------------------
(* Session: what the profile session promises about residency. A session is live, archived, closed or moved to another store.
   Whatever is requested, killed or done by two runtimes at once, it has one owner, it loses no step, and it never comes back
   after it was closed.

   A session reads messages of the agent and answers each of them with one reply. So a step is modelled by what it has read:

     read     the messages of the agent, oldest first; the first one is "genesis"
     heard    how many messages of the other session it has read
     told     how many messages it has sent to the other session

   The reply to each message is known from the message, so the chain of replies is the sequence "read" too.

   A request has two phases. A runtime decides on the references that it sees and prepares an update; later it publishes the
   update, which succeeds if the references are still those that the update expects. Between the two phases the runtime can be
   killed, and another runtime on the same store can change the references. *)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
    Stores,     \* {"here"} or {"here", "there"}: each store has its own references
    Hosts,      \* the runtimes: "h1", "h2"
    Apart,      \* TRUE: h2 is on the store "there"; FALSE: all runtimes are on the store "here"
    Used,       \* the sessions that clients use: "a", "b"
    Born,       \* the sessions that are live at the beginning, with their first step read and answered
    Ops,        \* the requests that clients and operators make in this run
    Labels,     \* the messages that clients send: "commit" ends a lease, "tell" makes the session write to the other one
    Requests,   \* how many requests are made
    Kills,      \* how often a runtime is killed
    MaxLive,    \* the limit max_live
    Broken      \* the name of the one guard that is off, "none" in the model itself: see the table of mutants

VARIABLES
    db,         \* the references of each store, with what the head of the agent contains
    host,       \* what each runtime remembers; it is lost at a kill
    parcel,     \* the bundle on its way to the other store: the step of each session, or None
    newest,     \* only for checks: the newest step that each session ever made, in any store
    left        \* how many requests and kills are left

vars == <<db, host, parcel, newest, left>>

Sessions == {"a", "b"}
Other(s) == IF s = "a" THEN "b" ELSE "a"
Home(h) == IF Apart /\ h = "h2" THEN "there" ELSE "here"

(* A guard of the model, and a value of the model. The broken guard does not bind, and the broken value is wrong. *)
Guard(name, condition) == Broken = name \/ condition
Unless(name, right, wrong) == IF Broken = name THEN wrong ELSE right

None == [read |-> <<>>, heard |-> 0, told |-> 0]
First == [read |-> <<"genesis">>, heard |-> 0, told |-> 0]
Nowhere == [s \in Sessions |-> None]
NoPlan == [op |-> "none"]
Fresh == [lease |-> Nowhere, asked |-> {}, plan |-> NoPlan]
IsPrefix(s, t) == Len(s) <= Len(t) /\ SubSeq(t, 1, Len(s)) = s

(* out and seen are the mailboxes of the agent: its last message to each session, and the last reply that it acknowledged.
   notices are the messages of the agent to itself. *)
Init ==
    LET steps(x) == [s \in Sessions |-> IF x = "here" /\ s \in Born THEN First ELSE None]
        reads(x) == [s \in Sessions |-> steps(x)[s].read]
    IN  /\ db = [x \in Stores |-> [head |-> steps(x), archived |-> Nowhere, moved |-> Nowhere, closed |-> Nowhere,
                                   out |-> reads(x), seen |-> reads(x), notices |-> <<>>]]
        /\ host = [h \in Hosts |-> Fresh]
        /\ parcel = Nowhere
        /\ newest = steps("here")
        /\ left = [requests |-> Requests, kills |-> Kills]

-----------------------------------------------------------------------------
(* The state of the session s by the references d of one store *)

(* runtime.away.still: an actor with one of these references makes no step. *)
Away(d, s) == d.archived[s] # None \/ d.moved[s] # None \/ d.closed[s] # None
Live(d, s) == d.head[s] # None /\ ~ Away(d, s)
LiveOnes(d) == {s \in Sessions : Live(d, s)}

(* Mail of the other session: it is written at its head, or at the step at which it stopped. *)
Told(d, s) == IF d.head[Other(s)] # None THEN d.head[Other(s)].told ELSE 0
Unread(d, s) == Len(d.out[s]) > Len(d.head[s].read) \/ Told(d, s) > d.head[s].heard

(* session.archive.quiet: no mail waits in either direction, and no third actor is in the outbox. *)
Quiet(d, s) == Live(d, s) /\ ~ Unread(d, s) /\ d.seen[s] = d.head[s].read /\ d.head[s].told = 0

(* session.lease.pins: a lease ends with a step after the one that was queried that covers a commit. *)
Leased(m, d, s) ==
    /\ m.lease[s] # None
    /\ \A i \in Len(m.lease[s].read) + 1 .. Len(d.head[s].read) : d.head[s].read[i] # "commit"

(* session.capacity.victim: the sessions that must be archived so that s can be live too. There is one candidate. *)
Victims(d, s) == IF Cardinality(LiveOnes(d) \ {s}) >= MaxLive THEN {Other(s)} ELSE {}
HasRoom(m, d, s) ==
    \A v \in Victims(d, s) : Guard("victim-busy", Quiet(d, v)) /\ Guard("victim-leased", ~ Leased(m, d, v))

(* The step at which an archived session stopped. *)
Stopped(d, s) == IF d.closed[s] # None THEN Unless("restore-closed", d.archived[s], d.closed[s]) ELSE d.archived[s]

(* session.restore.elsewhere, session.restore.guard: the mail of the agent of this store continues what the session has read,
   and the agent has not read more than the session has sent. *)
Fits(d, s) ==
    /\ IsPrefix(d.out[s], Stopped(d, s).read) \/ IsPrefix(Stopped(d, s).read, d.out[s])
    /\ IsPrefix(d.seen[s], Stopped(d, s).read)

(* session.restore.requested: identifies one stay in the archive. The step in archived/S cannot: it is the same if the session is
   archived twice at one step, and then the runtime would not send a second restore request. *)
Notices(d, s, kinds) == SelectSeq(d.notices, LAMBDA t : t[2] = s /\ t[1] \in kinds)
Key(d, s) == Unless("asked-by-target", <<s, Len(Notices(d, s, {"archived"}))>>, <<s, Len(d.archived[s].read)>>)

(* The next message that a session reads. Messages of the other session come first, because the ids of senders decide, not time. *)
StepOf(n, s) ==
    LET head == n.head[s]       \* what the other session tells an actor without a head is its genesis message
        next == IF Told(n, s) > head.heard THEN "heard" ELSE n.out[s][Len(head.read) + 1]
    IN  CASE next = "heard" -> [head EXCEPT !.heard = @ + 1]
          [] next = "tell"  -> [head EXCEPT !.read = Append(@, next), !.told = @ + 1]
          [] OTHER          -> [head EXCEPT !.read = Append(@, next)]

(* session.restore.requested: this step is the first that sends mail to the archived session since it was archived. *)
Asks(m, d, s) ==
    /\ d.archived[Other(s)] # None
    /\ StepOf(d, s).told > d.head[s].told
    /\ Guard("ask-again", Key(d, Other(s)) \notin m.asked)

-----------------------------------------------------------------------------
(* The first phase: may a runtime with the memory m do this, if it sees the references d? *)

Permits(op, s, m, d) ==
    CASE op = "open"    ->                      \* session.open.whole; the agent must not have a last message to s
            /\ d.head[s] = None /\ Guard("open-away", ~ Away(d, s)) /\ d.out[s] = <<>>
            /\ HasRoom(m, d, s)
      [] op = "send"    -> Live(d, s)           \* session.send to an archived session is refused
      [] op = "inject"  -> Away(d, s)           \* runtime.away.mail: this operation is accepted and waits
      [] op = "ask"     ->                      \* session.restore.requested: prepare or send for an archived session
            /\ d.archived[s] # None
            /\ Guard("ask-again", Key(d, s) \notin m.asked)
      [] op = "archive" ->                      \* session.archive.quiet, session.lease.pins
            /\ Live(d, s)
            /\ Guard("archive-busy", Quiet(d, s))
            /\ Guard("archive-leased", ~ Leased(m, d, s))
      [] op = "restore" ->                      \* session.restore.guard, in the order of its table
            /\ Stopped(d, s) # None /\ Guard("restore-closed", d.closed[s] = None) /\ d.moved[s] = None /\ d.head[s] = None
            /\ Guard("restore-unfit", Fits(d, s))
            /\ HasRoom(m, d, s)
      [] op = "close"   ->                      \* a lease does not prevent it
            IF d.archived[s] # None THEN TRUE ELSE Live(d, s) /\ ~ Unread(d, s) /\ d.head[s].told = 0
      [] op = "ack"     -> Live(d, s) /\ d.seen[s] # d.head[s].read
      [] op = "step"    ->                      \* runtime.away.still, session.away.still
            /\ Guard("run-away", ~ Away(d, s))
            /\ Unread(d, s)                     \* without a head, the message is a genesis message that waits

(* What the update of this request expects, if it was decided on d and the references are now n. runtime.head.cas,
   runtime.away.expected, session.archive.write-ahead. All requests but a step that asks nothing move the head of the agent. *)
SameAgent(d, n) == d.out = n.out /\ d.seen = n.seen /\ d.notices = n.notices
SameAway(d, n, s) == d.archived[s] = n.archived[s] /\ d.moved[s] = n.moved[s] /\ d.closed[s] = n.closed[s]
(* A step that sends mail to an archived session, and asks nothing because that was asked before. session.restore.expected *)
SendsAway(p) ==
    p.op = "step" /\ p.view.archived[Other(p.s)] # None /\ StepOf(p.view, p.s).told > p.view.head[p.s].told
Expected(p, n) ==
    /\ (p.op # "step" \/ p.asks \/ SendsAway(p)) => Guard("agent-blind", SameAgent(p.view, n))
    /\ Guard("head-blind", p.view.head[p.s] = n.head[p.s])
    /\ Guard("away-blind", SameAway(p.view, n, p.s))
       \* session.archive.seen: no mail of another session arrives unseen.
    /\ p.op \in {"archive", "open", "restore", "close"} => Guard("senders-blind", p.view.head = n.head)
       \* session.restore.expected: a step that sends mail expects that its receiver is still live, or still archived.
    /\ p.op = "step" => Guard("receiver-blind", SameAway(p.view, n, Other(p.s)))

-----------------------------------------------------------------------------
(* The second phase: the one update of references. Every change of residency and its notice are in it. session.archive.event *)

Note(n, kind, s, step) == [n EXCEPT !.notices = Unless("no-notice", Append(@, <<kind, s, step>>), @)]

Archive(n, s) ==
    Note([n EXCEPT !.archived[s] = n.head[s], !.head[s] = Unless("keeps-head", None, @)], "archived", s, n.head[s])

(* session.capacity.bound: the sessions that make room are archived in the same update. *)
MakeRoom(n, s) == IF Victims(n, s) = {} THEN n ELSE Unless("no-room", Archive(n, Other(s)), n)

Update(p, n) ==
    LET s == p.s
    IN  CASE p.op = "open"    -> MakeRoom([n EXCEPT !.head[s] = First, !.out[s] = First.read], s)
          [] p.op = "send"    -> [n EXCEPT !.out[s] = Append(@, p.label)]
          [] p.op = "inject"  -> [n EXCEPT !.out[s] = Append(@, p.label)]
          [] p.op = "ask"     -> Note(n, "requested", s, n.archived[s])
          [] p.op = "archive" -> Archive(n, s)
          [] p.op = "restore" ->
                LET step == Stopped(n, s)       \* the agent continues the chain that the session has read
                    out == IF IsPrefix(n.out[s], step.read) THEN Unless("out-kept", step.read, n.out[s]) ELSE n.out[s]
                    live == [n EXCEPT !.archived[s] = None, !.closed[s] = None,
                                      !.head[s] = Unless("restore-first", step, First),
                                      !.out[s] = out, !.seen[s] = Unless("seen-kept", step.read, @)]
                IN  Note(MakeRoom(live, s), "restored", s, step)
          [] p.op = "close"   ->                \* session.close.final: the agent drops its entries for the session
                LET step == IF n.head[s] # None THEN n.head[s] ELSE n.archived[s]
                IN  Note([n EXCEPT !.closed[s] = step, !.head[s] = None, !.archived[s] = None,
                                   !.out[s] = <<>>, !.seen[s] = <<>>], "closed", s, step)
          [] p.op = "ack"     -> [n EXCEPT !.seen[s] = n.head[s].read]
          [] p.op = "step"    ->                \* the update that adopts a step sends the restore request for its receiver
                LET after == [n EXCEPT !.head[s] = StepOf(p.view, s)]
                    asking == Note(after, "requested", Other(s), n.archived[Other(s)])
                IN  IF p.asks THEN Unless("no-request", asking, after) ELSE after

-----------------------------------------------------------------------------
(* Actions *)

(* A runtime judges a request on the references that it sees, and prepares the update. A refused request changes nothing.
   session.away.refused *)
Decide(h, op, s, label) ==
    LET d == db[Home(h)]
    IN  /\ host[h].plan = NoPlan
        /\ Permits(op, s, host[h], d)
        /\ host' = [host EXCEPT ![h].plan =
              [op |-> op, s |-> s, label |-> label, view |-> d, asks |-> op = "step" /\ Asks(host[h], d, s)]]
        /\ UNCHANGED <<db, parcel, newest>>

(* The last notice about s is a restore request. *)
LastNotice(d, s, kinds) == LET all == Notices(d, s, kinds) IN IF all = <<>> THEN <<"none", s, None>> ELSE all[Len(all)]
IsWanted(d, s) == LastNotice(d, s, {"archived", "requested", "restored", "closed"})[1] = "requested"

(* A client makes a request: the runtime decides what it does now, and makes its update later. *)
Request(h, op, s, label) ==
    /\ op \in Ops \ {"step", "prepare", "carry"}
    /\ op = "open" => Home(h) = "here"       \* a nonce is used once: no client opens the same session in both stores
    /\ (op \in {"send", "inject"}) = (label # "none")
    /\ IF op = "restore" /\ IsWanted(db[Home(h)], s) THEN UNCHANGED left       \* the program that answers restore requests
       ELSE left.requests > 0 /\ left' = [left EXCEPT !.requests = @ - 1]
    /\ Decide(h, op, s, label)

(* The runtime runs a session that has mail. *)
Run(h, s) == Decide(h, "step", s, "none") /\ UNCHANGED left

(* What a runtime remembers after the update: it forgets the lease of a session that it archives. session.restore.requested *)
Remembered(m, p) ==
    LET s == p.s
        forgets == IF p.op \in {"open", "restore"} THEN Victims(p.view, s) ELSE IF p.op = "archive" THEN {s} ELSE {}
        asks == IF p.op = "ask" THEN {Key(p.view, s)} ELSE IF p.asks THEN {Key(p.view, Other(s))} ELSE {}
    IN  [lease |-> [x \in Sessions |-> IF x \in forgets THEN None ELSE m.lease[x]],
         asked |-> m.asked \cup asks,
         plan |-> NoPlan]

(* The update of references, or the discovery that they have changed. session.recover.kill: a kill is before or after it. *)
Publish(h) ==
    LET p == host[h].plan
        x == Home(h)
        n == db[x]
    IN  /\ p # NoPlan
        /\ IF Expected(p, n)
           THEN /\ db' = [db EXCEPT ![x] = Update(p, n)]
                /\ host' = [host EXCEPT ![h] = Remembered(@, p)]
                /\ newest' = IF p.op \in {"open", "step"} THEN [newest EXCEPT ![p.s] = db'[x].head[p.s]] ELSE newest
           ELSE /\ host' = [host EXCEPT ![h].plan = NoPlan]      \* it reads the references again
                /\ UNCHANGED <<db, newest>>
        /\ UNCHANGED <<parcel, left>>

(* session.prepare.tentative: the only effect of a preparation is the lease in memory. *)
Prepare(h, s) ==
    /\ "prepare" \in Ops /\ host[h].plan = NoPlan /\ Live(db[Home(h)], s) /\ left.requests > 0
    /\ host' = [host EXCEPT ![h].lease[s] = db[Home(h)].head[s]]
    /\ left' = [left EXCEPT !.requests = @ - 1]
    /\ UNCHANGED <<db, parcel, newest>>

(* wasm.handoff.one-owner: an operator changes archived/S to moved/S and exports the step. *)
MoveOut(x, s) ==
    /\ "carry" \in Ops /\ left.requests > 0 /\ db[x].archived[s] # None /\ parcel[s] = None
    /\ db' = [db EXCEPT ![x].moved[s] = db[x].archived[s], ![x].archived[s] = Unless("release-keeps", None, @)]
    /\ parcel' = [parcel EXCEPT ![s] = db[x].archived[s]]
    /\ left' = [left EXCEPT !.requests = @ - 1]
    /\ UNCHANGED <<host, newest>>

(* The operator of another store imports the bundle, which replaces what is left of an earlier stay, and changes moved/S to
   archived/S. A bundle is imported in one store. *)
Import(x, s) ==
    /\ parcel[s] # None /\ db[x].closed[s] = None
    /\ db' = [db EXCEPT ![x].archived[s] = parcel[s], ![x].moved[s] = None]
    /\ parcel' = [parcel EXCEPT ![s] = Unless("import-twice", None, @)]
    /\ UNCHANGED <<host, newest, left>>

(* session.recover.kill: a kill at any moment. A runtime begins without leases and without a plan. *)
Kill(h) ==
    /\ left.kills > 0 /\ host[h] # Fresh
    /\ host' = [host EXCEPT ![h] = Fresh]
    /\ left' = [left EXCEPT !.kills = @ - 1]
    /\ UNCHANGED <<db, parcel, newest>>

Next ==
    \/ \E h \in Hosts : Publish(h) \/ Kill(h)
    \/ \E h \in Hosts, s \in Used : Run(h, s) \/ Prepare(h, s)
    \/ \E h \in Hosts, s \in Used, op \in Ops, label \in Labels \cup {"none"} : Request(h, op, s, label)
    \/ \E x \in Stores, s \in Used : MoveOut(x, s) \/ Import(x, s)

Spec == Init /\ [][Next]_vars
=============================================================================
