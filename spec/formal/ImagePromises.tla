--------------------------- MODULE ImagePromises ----------------------------
(* ImagePromises: what must be true of images. S: in every state. A: between two states. L: in the long run.
   profiles-invariants.json names the rules that each promise states. Each S looks at the newest record; older records were the
   newest in an earlier state. *)
EXTENDS Image

Newest == db.journal[Len(db.journal)]
Before == db.past[Len(db.past) - 1]
Ran == db.journal # <<>> /\ Newest.plan.kind \in {"request", "post", "timer"}
Failed(path) == \E s \in Range(Newest.saves) : IsPrefix(Append(s[2], s[3]), path)
Remains(path) == Newest.outcome = "committed" /\ ~ Failed(path)

(* S: exactly the steps of frames that did not fail remain, in order. *)
FramesExact == Ran => \A a \in Actors :
    LET all == [i \in 1 .. Len(Newest.taken) |-> <<i>> \o Newest.taken[i]]
        mine == SelectSeq(all, LAMBDA t : t[2] = a /\ Remains(t[3]) /\ t[4] # "notice")
    IN  db.world.actor[a].writes = Before.actor[a].writes \o [i \in 1 .. Len(mine) |-> <<Newest.seq, mine[i][1]>>]

(* S: what fails within a savepoint fails the savepoint alone, and the operation continues. *)
SavepointAlone == Ran /\ Newest.outcome = "failed" => ~ Failed(Newest.taken[Len(Newest.taken)][2])

(* S: exactly the posts of these frames are unread, without the root, and with one notice about a post that failed. *)
PostsExact == db.journal # <<>> /\ Newest.plan.kind # "rollback" =>
    {m.id : m \in db.world.posts} =
        ({m.id : m \in Before.posts} \ (IF Newest.plan.kind = "post" THEN {Newest.plan.root.id} ELSE {}))
        \cup {p[1] : p \in {p \in Range(Newest.posted) : Remains(p[2])}}
        \cup (IF Newest.outcome # "committed" /\ Newest.plan.kind = "post"
                 /\ Newest.plan.from # "R" /\ Newest.plan.program # "notice"
              THEN {<<Newest.seq, 99>>} ELSE {})

(* S: the sender of a savepoint that failed reads one notice, in the same operation, unless it is undone too. *)
NoticeEach == Ran => \A a \in Actors :
    db.world.actor[a].notes = Before.actor[a].notes
        + Cardinality({i \in 1 .. Len(Newest.saves) : Newest.saves[i][1] = a /\ Remains(Newest.saves[i][2])})
        + (IF Newest.plan.kind = "post" /\ Newest.plan.program = "notice" /\ Newest.plan.to = a THEN 1 ELSE 0)

(* S: a limit that is reached fails the whole operation, also within a savepoint. *)
LimitsWhole == Ran /\ Newest.hit => Newest.outcome \in {"steps", "depth"} /\ Len(Newest.taken) <= MaxTaken

(* S: no message, and no timer, is the root of two operations. *)
RootOnce == \A i, k \in 1 .. Len(db.journal) :
    LET p == db.journal[i].plan
        q == db.journal[k].plan
    IN  i < k /\ p.kind \in {"post", "timer"} /\ q.kind = p.kind => q.root # p.root

(* S: a timer fires when it is due and set, and its entry is gone then, whether its operation commits or fails. *)
TimerGone == Ran /\ Newest.plan.kind = "timer" =>
    /\ Newest.plan.root \in Before.actor[Newest.plan.to].timers /\ Newest.plan.root[1] <= Before.clock
    /\ Newest.plan.root \notin db.world.actor[Newest.plan.to].timers

(* S: each root is the next root of the world before it: a post only if no timer that was set before it was sent is due, unless
   a post of R is in the way. *)
RootOrder == Ran /\ Newest.plan.kind \in {"post", "timer"} =>
    /\ Newest.plan.kind = NextRoot(Before).kind /\ Newest.plan.root = NextRoot(Before).root
    /\ Newest.plan.kind = "post" =>
          \A a \in Actors : FromOutside(Before, a) \/
              \A t \in Before.actor[a].timers : t[1] > Before.clock \/ t[2] > Newest.plan.root.id[1]

(* S: a post does not wait while three timers fire one after the other, of which an operation after it was sent set the last. *)
PostsGetTurn == ~ \E m \in db.world.posts : m.from # "R" /\ \E n \in 1 .. Len(db.journal) :
    n + 2 = Len(db.journal) /\ m.id[1] < n /\ \A k \in n .. n + 2 : db.journal[k].plan.kind = "timer"

(* S: the world is that of its last record: the journal explains every change. *)
JournalExplains == Len(db.past) = Len(db.journal) + 1 /\ db.world = db.past[Len(db.past)]

(* A: the journal only grows, by one record at a time. A fork is a copy. *)
IsCopied == left'.forks # left.forks
JournalGrows == [][IsCopied \/ (IsPrefix(db.journal, db'.journal) /\ Len(db'.journal) <= Len(db.journal) + 1)]_vars

(* A: posts and timers run only during a runtime.run. *)
RunHeld == [][(db'.journal # db.journal /\ ~ IsCopied /\ db'.journal[Len(db'.journal)].plan.kind \in {"post", "timer"})
            => \E h \in Hosts : host[h].running /\ host[h].plan # host'[h].plan]_vars

(* S: a request with a key is one operation, also after kills, and its reply is that of its record. *)
KeyOnce == \A c \in Requests : Cardinality({i \in 1 .. Len(db.journal) : db.journal[i].plan.key = c}) <= 1
ReplyKept == \A c \in Requests : client[c].is = "replied" =>
    /\ client[c].seq <= Len(db.journal)
    /\ db.journal[client[c].seq].plan.key = c /\ db.journal[client[c].seq].outcome = client[c].outcome

(* A: a request is refused because of a post of R that is in its way, also if another runtime sent that, and for no other
   reason. *)
RefusedInTheWay == [][\A c \in Requests : client[c].is # "refused" /\ client'[c].is = "refused" => FromOutside(db.world, "A")]_vars

(* S: a rollback gives every actor the writes of world n, and keeps timers, posts, notices and the clock. *)
RolledBack == db.journal # <<>> /\ Newest.plan.kind = "rollback" =>
    /\ \A a \in Actors : db.world.actor[a] = [Before.actor[a] EXCEPT !.writes = db.past[Newest.plan.to].actor[a].writes]
    /\ db.world.posts = Before.posts /\ db.world.clock = Before.clock

(* L: posts and due timers run, if clients call runtime.run. *)
CanWork == \E h \in Hosts : host[h].plan # NoPlan \/ host[h].reply # <<>> \/ NextRoot(db.world) # NoPlan
WorkStep == \E h \in Hosts : Publish(h) \/ Reply(h) \/ Run(h) \/ Begin(h)
FairSpec == Spec /\ ([]<>~CanWork \/ []<><<WorkStep>>_vars)
RunAtLast == NextRoot(db.world) # NoPlan ~> NextRoot(db.world) = NoPlan
=============================================================================
