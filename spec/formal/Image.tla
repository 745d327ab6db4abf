------------------------------- MODULE Image --------------------------------
(* Image: what the profile image promises about operations. An operation runs steps of several actors on a private copy of the
   world, and one update of references publishes all of them, or none. A savepoint undoes its own frame only. Posts and timers
   run once, each in an operation of its own, in an order that follows from the world. A request with a key is carried out once.

   The world is a record: what each actor has written, which of its timers are set, which notices it has read; the unread posts;
   the clock. A message names a program, and each program writes first: a write is the number of the operation and of the taken
   message. So what remains can be compared with what should remain.

   The members taken, posted and saves of a record of the journal are there for checks. They are never undone. Each entry of
   taken and posted has the path of frames in which it happened: the numbers of the savepoints around it.

   A request, a root (a post or timer with which an operation begins) or a rollback has two phases: a runtime plans an
   operation on the world that it sees, and publishes it if the world is still the same. In between it can be killed, and another runtime can publish. *)
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
    host,           \* for each runtime: a planned operation, a reply that is not sent yet, and whether it runs
    client,         \* for each request: "idle", "waiting", "refused" or "replied", with the reply
    left            \* how many repeats, ticks, rollbacks, forks, posts and kills are left

vars == <<db, host, client, left>>

Actors == {"A", "B", "C"}

(* A guard of the model, and a value of the model. The broken guard does not bind, and the broken value is wrong. *)
Guard(name, condition) == Broken = name \/ condition
Unless(name, right, wrong) == IF Broken = name THEN wrong ELSE right
Range(s) == {s[i] : i \in 1 .. Len(s)}
IsPrefix(s, t) == Len(s) <= Len(t) /\ SubSeq(t, 1, Len(s)) = s
NoPlan == [kind |-> "none"]
World0 == [actor |-> [a \in Actors |-> [writes |-> <<>>, timers |-> {}, notes |-> 0]], posts |-> {}, clock |-> 0]

(* Programs. An op is a sending with its mode, a timer with its delay and program, a cancellation of all timers, or a
   failure. *)
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
      [] p = "tick"      -> <<<<"timer", 0, "tick-2">>>>    \* timers that set themselves again, four in all
      [] p = "tick-2"    -> <<<<"timer", 0, "tick-3">>>>
      [] p = "tick-3"    -> <<<<"timer", 0, "tick-4">>>>
      [] p = "tick-4"    -> <<<<"timer", 0, "write">>>>

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

(* The messages of a frame, in order. A savepoint is a frame within this one: if it fails, the copy is as it was when the
   savepoint was taken, its sender gets a notice, and the frame continues. image.op.fifo, image.op.savepoint, image.op.limits,
   image.op.notice *)
RECURSIVE Frame(_, _, _)
Frame(run, queue, path) ==
    IF queue = <<>> THEN run
    ELSE LET x == Head(queue)
             deeper == Append(path, x.id)
             inner == Frame(run, <<[x EXCEPT !.mode = "begun"]>>, deeper)
             undone == [inner EXCEPT !.w = Unless("undo", Unless("undo-all", run.w, run.begin), @),
                                     !.fail = Unless("save-fails", "none", @), !.whole = FALSE,
                                     !.sends = @ + 1, !.saves = Append(@, <<x.from, path, x.id>>)]
             notice == [id |-> <<run.seq, inner.sends>>, from |-> x.to, to |-> x.from, program |-> "notice",
                        mode |-> "join", step |-> 0]
         IN  IF x.mode = "save"
             THEN IF Len(path) = MaxDepth THEN [run EXCEPT !.fail = "depth", !.whole = TRUE, !.hit = TRUE]
                  ELSE IF inner.fail = "none" THEN Frame(inner, Tail(queue), path)
                  ELSE IF Unless("save-limit", inner.whole, FALSE) THEN inner
                  ELSE IF undone.fail # "none" THEN undone
                  ELSE Frame(undone, Tail(queue) \o Unless("no-notice", <<notice>>, <<>>), path)
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

(* What next runs: the first timer that is due and whose actor has no unread post of R, or the first post, if an earlier
   operation sent it. image.post.order, image.timer.order, image.post.turn *)
Rank(x) == CASE x = "A" -> 1 [] x = "B" -> 2 [] x = "C" -> 3 [] OTHER -> 4
RECURSIVE Less(_, _)
Less(s, t) == IF s = <<>> \/ t = <<>> THEN FALSE ELSE Head(s) < Head(t) \/ (Head(s) = Head(t) /\ Less(Tail(s), Tail(t)))
Place(m) == <<m.id[1], Rank(m.from), m.step, Rank(m.to), m.id[2]>>
FromOutside(w, a) == \E m \in w.posts : m.from = "R" /\ m.to = a
DueOf(w, a) == {<<t, a>> : t \in {t \in w.actor[a].timers : Guard("due", t[1] <= w.clock)}}
Due(w) == UNION {DueOf(w, a) : a \in {a \in Actors : ~ FromOutside(w, a)}}
NextRoot(w) ==
    LET d == CHOOSE d \in Due(w) : \A e \in Due(w) \ {d} : Less(SubSeq(d[1], 1, 3), SubSeq(e[1], 1, 3))
        m == CHOOSE m \in w.posts : \A k \in w.posts \ {m} : Less(Place(m), Place(k))
        isTurn == w.posts = {} \/ (Guard("timers-first", d[1][2] <= m.id[1]) /\ Broken # "posts-first")
    IN  IF Due(w) # {} /\ isTurn
        THEN [kind |-> "timer", root |-> d[1], to |-> d[2], from |-> "R", program |-> d[1][4], key |-> "none"]
        ELSE IF w.posts = {} THEN NoPlan
        ELSE [kind |-> "post", root |-> m, to |-> m.to, from |-> m.from, program |-> m.program, key |-> "none"]

(* The operation of a plan in the world w: the new world and the record. If it fails, the root is read, and nothing else
   happens but a notice to the sender of a post. image.op.atomic, image.op.total, image.op.failure-step *)
Operation(w, seq, plan, past) ==
    LET root == [id |-> <<seq, 0>>, from |-> plan.from, to |-> plan.to, program |-> plan.program, mode |-> "root", step |-> 0]
        rest == WithoutRoot(w, plan)
        run == [w |-> rest, begin |-> rest, seq |-> seq, sends |-> 1, taken |-> <<>>, posted |-> <<>>, saves |-> <<>>,
                fail |-> "none", whole |-> FALSE, hit |-> FALSE]
        end == Frame(run, <<root>>, <<>>)
        kept == Unless("root-stays", Unless("half", rest, end.w), w)
        notice == [id |-> <<seq, 99>>, from |-> plan.to, to |-> plan.from, program |-> "notice",
                   mode |-> "post", step |-> 99]
        failed == IF plan.kind = "post" /\ plan.from # "R" /\ plan.program # "notice"
                  THEN [kept EXCEPT !.posts = @ \cup {notice}] ELSE kept
        record == [seq |-> seq, plan |-> plan, outcome |-> "committed",
                   taken |-> <<>>, posted |-> <<>>, saves |-> <<>>, hit |-> FALSE]
        (* A rollback: the writes of world n with the timers of now. image.world.rollback *)
        back == [w EXCEPT !.actor = [a \in Actors |-> [past[plan.to].actor[a] EXCEPT
                    !.timers = Unless("old-timers", w.actor[a].timers, @), !.notes = w.actor[a].notes]]]
        inject == [root EXCEPT !.mode = "post"]
    IN  CASE plan.kind = "clock"    -> [w |-> [w EXCEPT !.clock = @ + 1], record |-> record]
          [] plan.kind = "inject"   ->
                [w |-> [w EXCEPT !.posts = @ \cup {inject}], record |-> [record EXCEPT !.posted = <<<<inject.id, <<>>>>>>]]
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
    /\ left = [repeats |-> Repeats, ticks |-> Ticks, rollbacks |-> Rollbacks, forks |-> Forks,
               posts |-> Cardinality(Posts), kills |-> Kills]

(* image.request.once: the record with the key, or 0. *)
Recorded(journal, key) ==
    LET found == {i \in 1 .. Len(journal) : journal[i].plan.key = key}
    IN  IF found = {} THEN 0 ELSE Unless("no-key", CHOOSE i \in found : \A k \in found : k <= i, 0)
ReplyOf(seq, outcome) == [is |-> "replied", seq |-> seq, outcome |-> outcome]

Plan(h, plan) ==
    /\ host[h].plan = NoPlan /\ host[h].reply = <<>>
    /\ host' = [host EXCEPT ![h].plan = plan, ![h].base = Len(db.journal), ![h].seen = Unless("no-cas", World0, db.world)]

(* A client sends a request, or repeats it to any runtime if it has no reply. The key is checked first. Then an unread post of
   R is in the way: rejected/order. *)
Ask(h, c) ==
    /\ client[c].is \in {"idle", "waiting"}
    /\ Recorded(db.journal, c) > 0 \/ ~ FromOutside(db.world, "A")
    /\ client[c].is = "waiting" => left.repeats > 0
    /\ left' = IF client[c].is = "waiting" THEN [left EXCEPT !.repeats = @ - 1] ELSE left
    /\ client' = [client EXCEPT ![c] = State("waiting")]
    /\ Plan(h, [kind |-> "request", root |-> "none", to |-> "A", from |-> "R", program |-> c, key |-> c])
    /\ UNCHANGED db

(* Operations of the outside without a key: image.clock, runtime.inject, image.rollback. image.clock.forward,
   image.world.rollback *)
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
Begin(h) ==
    /\ Guard("held", host[h].running) /\ NextRoot(db.world) # NoPlan
    /\ Plan(h, NextRoot(db.world)) /\ UNCHANGED <<db, client, left>>

(* The one update. If another runtime was faster, a request is checked again from the beginning, and a root that is not next any
   more is dropped. image.op.conflict *)
Publish(h) ==
    LET plan == host[h].plan
        done == IF plan.kind = "request" THEN Recorded(db.journal, plan.key) ELSE 0
        base == Unless("no-cas", Len(db.journal), host[h].base)
        result == Operation(Unless("no-cas", db.world, host[h].seen), base + 1, plan, db.past)
        (* what the runtime does after the update *)
        Ends(reply) == host' = [host EXCEPT ![h].plan = NoPlan, ![h].reply = reply]
        Again == host' = [host EXCEPT ![h].base = Len(db.journal)]
    IN  /\ plan # NoPlan
        /\ UNCHANGED left
        /\ IF done > 0
           THEN Ends(<<plan.key, ReplyOf(done, db.journal[done].outcome)>>) /\ UNCHANGED <<db, client>>
           ELSE IF Guard("no-cas", host[h].base = Len(db.journal))
           THEN /\ db' = [world |-> result.w, journal |-> Append(SubSeq(db.journal, 1, base), result.record),
                          past |-> Append(SubSeq(db.past, 1, base + 1), result.w)]
                /\ Ends(IF plan.kind = "request" THEN <<plan.key, ReplyOf(base + 1, result.record.outcome)>> ELSE <<>>)
                /\ UNCHANGED client
           ELSE IF plan.kind = "request" /\ (FromOutside(db.world, "A") \/ Broken = "refused")
           THEN Ends(<<>>) /\ client' = [client EXCEPT ![plan.key] = State("refused")] /\ UNCHANGED db
           ELSE /\ IF plan.kind \in {"post", "timer"} THEN Unless("stale-root", Ends(<<>>), Again) ELSE Again
                /\ UNCHANGED <<db, client>>

(* image.durable.ack: the reply follows the update. *)
Reply(h) ==
    /\ host[h].reply # <<>>
    /\ client' = [client EXCEPT ![host[h].reply[1]] = host[h].reply[2]]
    /\ host' = [host EXCEPT ![h].reply = <<>>] /\ UNCHANGED <<db, left>>
(* Only in a mutant: the reply is sent before the update. *)
EarlyReply(h) ==
    /\ Broken = "early-reply" /\ host[h].plan.kind = "request"
    /\ client' = [client EXCEPT ![host[h].plan.key] = ReplyOf(host[h].base + 1, "committed")] /\ UNCHANGED <<db, host, left>>

(* image.durable.boundary: a kill loses the plan and the reply, and ends the runtime.run. image.restart.silent *)
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
    \/ \E h \in Hosts : Publish(h) \/ Reply(h) \/ EarlyReply(h) \/ Kill(h) \/ Run(h) \/ Rest(h) \/ Begin(h)
    \/ \E h \in Hosts : \E c \in Requests : Ask(h, c)
    \/ \E h \in Hosts : Change(h, "clock", "A", "none", "ticks") \/ \E p \in Posts : Change(h, "inject", "A", p, "posts")
    \/ \E h \in Hosts, n \in 1 .. Len(db.past) - 1 :
          ~ FromOutside(db.world, "A") /\ Change(h, "rollback", n, "none", "rollbacks")
    \/ \E n \in 0 .. Len(db.journal) : Fork(n)
Spec == Init /\ [][Next]_vars
=============================================================================
