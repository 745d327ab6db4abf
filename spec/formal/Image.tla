------------------------------- MODULE Image --------------------------------
(* Image: what the profile image promises about operations. An operation runs steps of several actors on a private copy of the
   world, and one update of references publishes all of them, or none. A savepoint undoes its own frame only. Posts and timers
   run once, each in an operation of its own, in an order that follows from the world. A request with a key is carried out once.

   The world is a record: what each actor has written, which of its timers are set, which notices it has read; the unread posts;
   the clock. A message names a program, and each program writes first: a write is the number of the operation and of the taken
   message. So what remains can be compared with what should remain.

   The members taken, posted and saves of a record of the journal are there for checks. They are never undone. Each entry of
   taken and posted has the path of frames in which it happened: the numbers of the savepoints around it.

   A request, a root or a rollback has two phases: a runtime plans an operation on the world that it sees, and publishes it if the
   world is still the same. In between it can be killed, and another runtime can publish. *)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
    Hosts,          \* the runtimes on the store
    Requests,       \* the programs that clients send to "A"; the name is also the key of the request
    Posts,          \* the programs that clients inject to "A" as posts
    Repeats,        \* how often clients repeat a request that was not answered
    Ticks,          \* how often the clock is moved by 1
    Rollbacks, Forks, Kills,
    MaxTaken,       \* the limit of messages that an operation takes
    MaxDepth,       \* the limit of savepoints within each other
    Broken          \* the name of the one guard that is off, "none" in the model itself

VARIABLES
    db,             \* the image: world, journal, and past, the worlds 0, 1, 2, ... that the journal gives
    host,           \* for each runtime: a planned operation, a reply that is not sent yet, and whether a runtime.run is in progress
    client,         \* for each request: "idle", "waiting", "refused" or "replied", with the reply
    left            \* how many repeats, ticks, rollbacks, forks, posts and kills are left

vars == <<db, host, client, left>>

Actors == {"A", "B", "C"}
Guard(name, condition) == Broken = name \/ condition
Range(s) == {s[i] : i \in 1 .. Len(s)}
IsPrefix(s, t) == Len(s) <= Len(t) /\ SubSeq(t, 1, Len(s)) = s
NoPlan == [kind |-> "none"]
World0 == [actor |-> [a \in Actors |-> [writes |-> <<>>, timers |-> {}, notes |-> 0]], posts |-> {}, clock |-> 0]

(* Programs. An op is a sending with its mode, a timer with its delay and program, a cancellation of all timers, or a failure. *)
Program(p) ==
    CASE p = "write"     -> <<>>
      [] p = "fail"      -> <<<<"fail">>>>
      [] p = "pay"       -> <<<<"join", "B", "write">>, <<"join", "C", "write">>>>
      [] p = "pay-fail"  -> <<<<"join", "B", "write">>, <<"join", "C", "fail">>>>
      [] p = "try"       -> <<<<"save", "B", "nest-fail">>, <<"join", "C", "write">>>>
      [] p = "nest-fail" -> <<<<"join", "C", "write">>, <<"post", "C", "write">>, <<"fail">>>>
      [] p = "deep"      -> <<<<"save", "B", "try-fail">>, <<"post", "C", "write">>>>
      [] p = "try-fail"  -> <<<<"save", "C", "fail">>, <<"join", "C", "write">>>>
      [] p = "deep-fail" -> <<<<"save", "B", "try-fail">>, <<"join", "C", "fail">>>>
      [] p = "post"      -> <<<<"post", "B", "write">>, <<"post", "B", "fail">>>>
      [] p = "timer"     -> <<<<"timer", 1, "write">>, <<"timer", 0, "fail">>>>
      [] p = "cancel"    -> <<<<"cancel">>>>

-----------------------------------------------------------------------------
(* Frames. A run has the members w, the private copy; sends, a counter of sendings; taken, posted and saves, as in the record;
   fail, the failure of the frame or "none"; whole, TRUE if it fails the whole operation; hit, TRUE once a limit was reached. *)

Note(w, a) == [w EXCEPT !.actor[a].notes = @ + 1]

(* The ops of one step, one after another. queue collects the joins and savepoints. *)
RECURSIVE Perform(_, _, _, _, _)
Perform(run, queue, ops, x, path) ==
    IF ops = <<>> \/ run.fail # "none" THEN [run |-> run, queue |-> queue]
    ELSE LET op == Head(ops)
             id == <<run.seq, run.sends>>
             m == [id |-> id, from |-> x.to, to |-> op[2], program |-> op[3], mode |-> op[1], step |-> Len(run.taken)]
             next == [run EXCEPT !.sends = @ + 1]
         IN  CASE op[1] = "fail"   -> Perform([run EXCEPT !.fail = "failed"], queue, Tail(ops), x, path)
               [] op[1] \in {"join", "save"} -> Perform(next, Append(queue, m), Tail(ops), x, path)
               [] op[1] = "post"   ->
                    Perform([next EXCEPT !.w.posts = @ \cup {m}, !.posted = Append(@, <<id, path>>)], queue, Tail(ops), x, path)
               [] op[1] = "timer"  ->
                    Perform([next EXCEPT !.w.actor[x.to].timers = @ \cup {<<run.w.clock + op[2], run.seq, run.sends, op[3]>>}],
                            queue, Tail(ops), x, path)
               [] op[1] = "cancel" -> Perform([run EXCEPT !.w.actor[x.to].timers = {}], queue, Tail(ops), x, path)

(* The step that answers x. Notices are only read. image.op.step, image.op.default *)
Answer(run, x, path) ==
    LET number == Len(run.taken) + 1
        taken == [run EXCEPT !.taken = Append(@, <<x.to, path, x.program>>)]
    IN  IF x.program = "notice" THEN [run |-> [taken EXCEPT !.w = Note(@, x.to)], queue |-> <<>>]
        ELSE Perform([taken EXCEPT !.w.actor[x.to].writes = Append(@, <<run.seq, number>>)], <<>>, Program(x.program), x, path)

(* The messages of a frame, in order. A savepoint is a frame within this one: if it fails, the copy is as it was when the savepoint
   was taken, its sender gets a notice, and the frame goes on. image.op.fifo, image.op.savepoint, image.op.limits, image.op.notice *)
RECURSIVE Frame(_, _, _)
Frame(run, queue, path) ==
    IF queue = <<>> THEN run
    ELSE LET x == Head(queue)
             deeper == Append(path, x.id)
             inner == Frame(run, <<[x EXCEPT !.mode = "begun"]>>, deeper)
             undone == IF Broken = "undo" THEN inner.w ELSE IF Broken = "undo-all" THEN run.begin ELSE run.w
             notice == [id |-> <<run.seq, inner.sends>>, from |-> x.to, to |-> x.from, program |-> "notice", mode |-> "join", step |-> 0]
         IN  IF x.mode = "save"
             THEN IF Len(path) = MaxDepth THEN [run EXCEPT !.fail = "depth", !.whole = TRUE, !.hit = TRUE]
                  ELSE IF inner.fail = "none" THEN Frame(inner, Tail(queue), path)
                  ELSE IF inner.whole /\ Broken # "save-limit" THEN inner
                  ELSE Frame([inner EXCEPT !.w = undone, !.fail = IF Broken = "save-fails" THEN @ ELSE "none", !.whole = FALSE,
                                           !.sends = @ + 1, !.saves = Append(@, <<x.from, path, x.id>>)],
                             IF Broken = "save-fails" THEN <<>> ELSE Tail(queue) \o (IF Broken = "no-notice" THEN <<>> ELSE <<notice>>), path)
             ELSE IF Len(run.taken) = MaxTaken THEN [run EXCEPT !.fail = "steps", !.whole = TRUE, !.hit = TRUE]
             ELSE LET answer == Answer(run, x, path)
                  IN  IF answer.run.fail # "none" THEN answer.run ELSE Frame(answer.run, Tail(queue) \o answer.queue, path)

-----------------------------------------------------------------------------
(* Operations *)

(* The world without what is read as the root: a post, or the entry of a timer. image.timer.once, image.post.iff *)
WithoutRoot(w, plan) ==
    CASE plan.kind = "post"  -> [w EXCEPT !.posts = @ \ {plan.root}]
      [] plan.kind = "timer" -> [w EXCEPT !.actor[plan.to].timers = @ \ {plan.root}]
      [] OTHER               -> w

(* What next runs: the first timer that is due and whose actor has no unread post of R, otherwise the first post.
   image.post.order, image.timer.order *)
Rank(x) == CASE x = "A" -> 1 [] x = "B" -> 2 [] x = "C" -> 3 [] OTHER -> 4
RECURSIVE Less(_, _)
Less(s, t) == IF s = <<>> \/ t = <<>> THEN FALSE ELSE Head(s) < Head(t) \/ (Head(s) = Head(t) /\ Less(Tail(s), Tail(t)))
Place(m) == <<m.id[1], Rank(m.from), m.step, Rank(m.to), m.id[2]>>
FromOutside(w, a) == \E m \in w.posts : m.from = "R" /\ m.to = a
Due(w) == UNION {{<<t, a>> : t \in {t \in w.actor[a].timers : Guard("due", t[1] <= w.clock)}} : a \in {a \in Actors : ~ FromOutside(w, a)}}
NextRoot(w) ==
    IF Due(w) # {} /\ Broken # "posts-first"
    THEN LET d == CHOOSE d \in Due(w) : \A e \in Due(w) \ {d} : Less(SubSeq(d[1], 1, 3), SubSeq(e[1], 1, 3))
         IN  [kind |-> "timer", root |-> d[1], to |-> d[2], from |-> "R", program |-> d[1][4], key |-> "none"]
    ELSE IF w.posts = {} THEN NoPlan
    ELSE LET m == CHOOSE m \in w.posts : \A k \in w.posts \ {m} : Less(Place(m), Place(k))
         IN  [kind |-> "post", root |-> m, to |-> m.to, from |-> m.from, program |-> m.program, key |-> "none"]

(* The operation of a plan in the world w: the new world and the record. If it fails, the root is read, and nothing else happens but
   a notice to the sender of a post. image.op.atomic, image.op.total, image.op.failure-step *)
Operation(w, seq, plan, past) ==
    LET root == [id |-> <<seq, 0>>, from |-> plan.from, to |-> plan.to, program |-> plan.program, mode |-> "root", step |-> 0]
        rest == WithoutRoot(w, plan)
        run == [w |-> rest, begin |-> rest, seq |-> seq, sends |-> 1, taken |-> <<>>, posted |-> <<>>, saves |-> <<>>,
                fail |-> "none", whole |-> FALSE, hit |-> FALSE]
        end == Frame(run, <<root>>, <<>>)
        kept == IF Broken = "root-stays" THEN w ELSE IF Broken = "half" THEN end.w ELSE rest
        notice == [id |-> <<seq, 99>>, from |-> plan.to, to |-> plan.from, program |-> "notice", mode |-> "post", step |-> 99]
        failed == IF plan.kind = "post" /\ plan.from # "R" /\ plan.program # "notice"
                  THEN [kept EXCEPT !.posts = @ \cup {notice}] ELSE kept
        record == [seq |-> seq, plan |-> plan, outcome |-> "committed", taken |-> <<>>, posted |-> <<>>, saves |-> <<>>, hit |-> FALSE]
        (* A rollback: the writes of world n with the timers of now. image.world.rollback *)
        back == [w EXCEPT !.actor = [a \in Actors |-> [past[plan.to].actor[a] EXCEPT
                    !.timers = IF Broken = "old-timers" THEN @ ELSE w.actor[a].timers, !.notes = w.actor[a].notes]]]
        inject == [root EXCEPT !.mode = "post"]
    IN  CASE plan.kind = "clock"    -> [w |-> [w EXCEPT !.clock = @ + 1], record |-> record]
          [] plan.kind = "inject"   -> [w |-> [w EXCEPT !.posts = @ \cup {inject}], record |-> [record EXCEPT !.posted = <<<<inject.id, <<>>>>>>]]
          [] plan.kind = "rollback" -> [w |-> back, record |-> record]
          [] OTHER ->
                [w |-> IF end.fail = "none" THEN end.w ELSE failed,
                 record |-> [record EXCEPT !.outcome = IF end.fail = "none" THEN "committed" ELSE end.fail,
                                           !.taken = end.taken, !.posted = end.posted, !.saves = end.saves, !.hit = end.hit]]

-----------------------------------------------------------------------------
(* Runtimes and clients *)

State(is) == [is |-> is, seq |-> 0, outcome |-> "none"]
Fresh == [plan |-> NoPlan, base |-> 0, seen |-> World0, reply |-> <<>>, running |-> FALSE]
Init ==
    /\ db = [world |-> World0, journal |-> <<>>, past |-> <<World0>>]
    /\ host = [h \in Hosts |-> Fresh]
    /\ client = [c \in Requests |-> State("idle")]
    /\ left = [repeats |-> Repeats, ticks |-> Ticks, rollbacks |-> Rollbacks, forks |-> Forks, posts |-> Cardinality(Posts), kills |-> Kills]

(* image.request.once: the record with the key, or 0. *)
Recorded(journal, key) ==
    LET found == {i \in 1 .. Len(journal) : journal[i].plan.key = key}
    IN  IF found = {} \/ Broken = "no-key" THEN 0 ELSE CHOOSE i \in found : \A k \in found : k <= i
ReplyOf(seq, outcome) == [is |-> "replied", seq |-> seq, outcome |-> outcome]

Plan(h, plan) ==
    /\ host[h].plan = NoPlan /\ host[h].reply = <<>>
    /\ host' = [host EXCEPT ![h].plan = plan, ![h].base = Len(db.journal), ![h].seen = IF Broken = "no-cas" THEN db.world ELSE World0]

(* A client sends a request, or repeats it to any runtime if it has no reply. rejected/order: an unread post of R is in the way. *)
Ask(h, c) ==
    /\ client[c].is \in {"idle", "waiting"} /\ ~ FromOutside(db.world, "A")
    /\ client[c].is = "waiting" => left.repeats > 0
    /\ left' = IF client[c].is = "waiting" THEN [left EXCEPT !.repeats = @ - 1] ELSE left
    /\ client' = [client EXCEPT ![c] = State("waiting")]
    /\ Plan(h, [kind |-> "request", root |-> "none", to |-> "A", from |-> "R", program |-> c, key |-> c])
    /\ UNCHANGED db

(* Operations of the outside without a key: image.clock, runtime.inject, image.rollback. *)
Change(h, kind, to, program, counter) ==
    /\ left[counter] > 0 /\ left' = [left EXCEPT ![counter] = @ - 1]
    /\ Plan(h, [kind |-> kind, root |-> "none", to |-> to, from |-> "R", program |-> program, key |-> "none"])
    /\ UNCHANGED <<db, client>>

(* image.post.held: posts and timers run only while a runtime.run is in progress. It ends when the image is at rest. *)
Run(h) ==
    /\ ~ host[h].running /\ NextRoot(db.world) # NoPlan
    /\ host' = [host EXCEPT ![h].running = TRUE] /\ UNCHANGED <<db, client, left>>
Rest(h) ==
    /\ host[h].running /\ host[h].plan = NoPlan /\ Guard("run-drops", NextRoot(db.world) = NoPlan)
    /\ host' = [host EXCEPT ![h].running = FALSE] /\ UNCHANGED <<db, client, left>>
Next1(h) == Guard("held", host[h].running) /\ NextRoot(db.world) # NoPlan /\ Plan(h, NextRoot(db.world)) /\ UNCHANGED <<db, client, left>>

(* The one update. If another runtime was faster, a request is checked again, and a root that is not next any more is dropped.
   image.op.conflict *)
Publish(h) ==
    LET plan == host[h].plan
        done == IF plan.kind = "request" THEN Recorded(db.journal, plan.key) ELSE 0
        base == IF Broken = "no-cas" THEN host[h].base ELSE Len(db.journal)
        result == Operation(IF Broken = "no-cas" THEN host[h].seen ELSE db.world, base + 1, plan, db.past)
    IN  /\ plan # NoPlan
        /\ IF done > 0
           THEN host' = [host EXCEPT ![h].plan = NoPlan, ![h].reply = <<plan.key, ReplyOf(done, db.journal[done].outcome)>>] /\ UNCHANGED <<db, client>>
           ELSE IF Guard("no-cas", host[h].base = Len(db.journal))
           THEN /\ db' = [world |-> result.w, journal |-> Append(SubSeq(db.journal, 1, base), result.record),
                          past |-> Append(SubSeq(db.past, 1, base + 1), result.w)]
                /\ host' = [host EXCEPT ![h].plan = NoPlan,
                                        ![h].reply = IF plan.kind = "request" THEN <<plan.key, ReplyOf(base + 1, result.record.outcome)>> ELSE <<>>]
                /\ UNCHANGED client
           ELSE /\ IF plan.kind \in {"post", "timer"} /\ Broken # "stale-root" THEN host' = [host EXCEPT ![h].plan = NoPlan] /\ UNCHANGED client
                   ELSE IF plan.kind = "request" /\ FromOutside(db.world, "A")
                   THEN host' = [host EXCEPT ![h].plan = NoPlan] /\ client' = [client EXCEPT ![plan.key] = State("refused")]
                   ELSE host' = [host EXCEPT ![h].base = Len(db.journal)] /\ UNCHANGED client
                /\ UNCHANGED db
        /\ UNCHANGED left

(* image.durable.ack: the reply follows the update. *)
Reply(h) ==
    /\ host[h].reply # <<>>
    /\ client' = [client EXCEPT ![host[h].reply[1]] = host[h].reply[2]]
    /\ host' = [host EXCEPT ![h].reply = <<>>] /\ UNCHANGED <<db, left>>
EarlyReply(h) ==
    /\ Broken = "early-reply" /\ host[h].plan.kind = "request"
    /\ client' = [client EXCEPT ![host[h].plan.key] = ReplyOf(host[h].base + 1, "committed")] /\ UNCHANGED <<db, host, left>>

Kill(h) ==
    /\ left.kills > 0 /\ host[h] # Fresh
    /\ left' = [left EXCEPT !.kills = @ - 1]
    /\ host' = [host EXCEPT ![h] = Fresh] /\ UNCHANGED <<db, client>>

(* A copy of the image continues from its world n. No runtime is started on it yet, and clients of later worlds begin again.
   image.world.fork *)
Fork(n) ==
    /\ left.forks > 0 /\ n < Len(db.journal) /\ left' = [left EXCEPT !.forks = @ - 1]
    /\ db' = [world |-> IF Broken = "fork-leaks" THEN [db.past[n + 1] EXCEPT !.posts = db.world.posts] ELSE db.past[n + 1],
              journal |-> SubSeq(db.journal, 1, n), past |-> SubSeq(db.past, 1, n + 1)]
    /\ host' = [h \in Hosts |-> Fresh]
    /\ client' = [c \in Requests |-> IF Recorded(SubSeq(db.journal, 1, n), c) = 0 THEN State("idle") ELSE client[c]]

Next ==
    \/ \E h \in Hosts : Publish(h) \/ Reply(h) \/ EarlyReply(h) \/ Kill(h) \/ Run(h) \/ Rest(h) \/ Next1(h)
    \/ \E h \in Hosts : \E c \in Requests : Ask(h, c)
    \/ \E h \in Hosts : Change(h, "clock", "A", "none", "ticks") \/ \E p \in Posts : Change(h, "inject", "A", p, "posts")
    \/ \E h \in Hosts, n \in 1 .. Len(db.past) - 1 : ~ FromOutside(db.world, "A") /\ Change(h, "rollback", n, "none", "rollbacks")
    \/ \E n \in 0 .. Len(db.journal) : Fork(n)
Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* Promises. S: in every state. A: between two states. L: in the long run. Each S looks at the newest record; older ones were the
   newest in an earlier state. *)

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

(* S: what fails within a savepoint fails the savepoint alone, and the operation goes on. *)
SavepointAlone == Ran /\ Newest.outcome = "failed" => ~ Failed(Newest.taken[Len(Newest.taken)][2])

(* S: exactly the posts of these frames are unread, without the root, and with one notice about a post that failed. *)
PostsExact == db.journal # <<>> /\ Newest.plan.kind # "rollback" =>
    {m.id : m \in db.world.posts} =
        ({m.id : m \in Before.posts} \ (IF Newest.plan.kind = "post" THEN {Newest.plan.root.id} ELSE {}))
        \cup {p[1] : p \in {p \in Range(Newest.posted) : Remains(p[2])}}
        \cup (IF Newest.outcome # "committed" /\ Newest.plan.kind = "post" /\ Newest.plan.from # "R" /\ Newest.plan.program # "notice"
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

(* S: each root is the next root of the world before it: timers first, unless a post of R is in the way. *)
RootOrder == Ran /\ Newest.plan.kind \in {"post", "timer"} =>
    /\ Newest.plan.kind = NextRoot(Before).kind /\ Newest.plan.root = NextRoot(Before).root
    /\ Newest.plan.kind = "post" => \A a \in Actors : FromOutside(Before, a) \/ \A t \in Before.actor[a].timers : t[1] > Before.clock

(* S: the world is that of its last record: the journal explains every change. *)
JournalExplains == Len(db.past) = Len(db.journal) + 1 /\ db.world = db.past[Len(db.past)]

(* A: the journal only grows, by one record at a time. A fork is a copy. *)
JournalGrows == [][left'.forks = left.forks => IsPrefix(db.journal, db'.journal) /\ Len(db'.journal) <= Len(db.journal) + 1]_vars

(* A: posts and timers run only during a runtime.run. *)
RunHeld == [][(db'.journal # db.journal /\ left'.forks = left.forks /\ db'.journal[Len(db'.journal)].plan.kind \in {"post", "timer"})
            => \E h \in Hosts : host[h].running /\ host[h].plan # host'[h].plan]_vars

(* S: a request with a key is one operation, whoever was killed, and its reply is that of its record. *)
KeyOnce == \A c \in Requests : Cardinality({i \in 1 .. Len(db.journal) : db.journal[i].plan.key = c}) <= 1
ReplyKept == \A c \in Requests : client[c].is = "replied" =>
    client[c].seq <= Len(db.journal) /\ db.journal[client[c].seq].plan.key = c /\ db.journal[client[c].seq].outcome = client[c].outcome

(* S: a rollback gives every actor the writes of world n, and keeps timers, posts, notices and the clock. *)
RolledBack == db.journal # <<>> /\ Newest.plan.kind = "rollback" =>
    /\ \A a \in Actors : db.world.actor[a] = [Before.actor[a] EXCEPT !.writes = db.past[Newest.plan.to].actor[a].writes]
    /\ db.world.posts = Before.posts /\ db.world.clock = Before.clock

(* L: posts and due timers run, if clients call runtime.run. *)
CanWork == \E h \in Hosts : host[h].plan # NoPlan \/ host[h].reply # <<>> \/ NextRoot(db.world) # NoPlan
WorkStep == \E h \in Hosts : Publish(h) \/ Reply(h) \/ Run(h) \/ Next1(h)
FairSpec == Spec /\ ([]<>~CanWork \/ []<><<WorkStep>>_vars)
RunAtLast == NextRoot(db.world) # NoPlan ~> NextRoot(db.world) = NoPlan

(* A hole: "A request MUST NOT fail or be refused only because another runtime has worked on the image." image.op.conflict *)
NeverRefused == \A c \in Requests : client[c].is # "refused"
=============================================================================
