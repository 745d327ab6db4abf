-------------------------------- MODULE Flow --------------------------------
(* Flow: what the profile flow promises about results, timers, waits, budgets and successors. A result counts once, whenever and
   however often it arrives, also after kills and with two runtimes.

   The flow "f" carries out a small program: one or two nodes, each a call or a wait, and then an end. A call is sent to a peer
   and can be tried again. The outside plays the peer, the timer and the client: it reads what a durable step sent, and it
   sends any answer, at any time, in any order, also twice. The flow "g" is the successor that continues "f".

   A flow is a record. log is its trace: the events of all its steps. sent is what it sent to the outside. seen counts the
   messages of the outside that it has covered, so its unread mail is the rest of mail[x]. Each message is read by a step of its
   own: a step that reads several gives the same (flow.step.fold).

   A runtime makes steps in its view and makes them durable later, by one update that expects the heads from which it began. A
   kill loses the view. *)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
    Hosts,          \* the runtimes on the store
    Program,        \* "call", "wait", "call-call" or "call-wait"
    Outcomes,       \* what peers answer: "ok", "error" (may be retried), "bad", "pending"
    Worlds,         \* what else the outside does: "receipt", "cancel", "replan", "genesis"
    Timeout,        \* TRUE if calls and waits have a timeout_ms
    Backoff,        \* TRUE if there is a delay before the next attempt
    MaxAttempts,    \* attempts of a call
    ProgramCalls,   \* max_calls of the program: of each flow alone
    PolicyCalls,    \* max_calls of the policy: of the flow and its successor together
    MaxTokens,      \* max_tokens; each attempt costs 1 and uses 1
    Extra,          \* how many messages the outside sends beyond one for each attempt, timer and wait
    Kills,
    Broken          \* the name of the one guard that is off, "none" in the model itself

VARIABLES
    db,             \* the durable flows
    mail,           \* what the outside has sent to each flow, oldest first
    view,           \* for each runtime: its flows, and the durable flows from which it began
    performed,      \* how often the peer has performed each key
    left            \* how many extra messages and kills are left

vars == <<db, mail, view, performed, left>>

Flows == {"f", "g"}
Nodes == CASE Program = "call" -> <<"call">> [] Program = "wait" -> <<"wait">>
           [] Program = "call-call" -> <<"call", "call">> [] Program = "call-wait" -> <<"call", "wait">>

(* A guard of the model, and a value of the model. The broken guard does not bind, and the broken value is wrong. *)
Guard(name, condition) == Broken = name \/ condition
Unless(name, right, wrong) == IF Broken = name THEN wrong ELSE right

Terminal == {"succeeded", "failed", "budget_exceeded"}
NoTimer == <<"none", 0, 0>>
Unborn == [status |-> "absent", at |-> 0, phase |-> "none", attempt |-> 0, timer |-> NoTimer, reserved |-> 0, tokens |-> 0,
           calls |-> 0, carry |-> 0, next |-> FALSE, log |-> <<>>, sent |-> <<>>, seen |-> 0, heard |-> 0]

Log(f, event) == [f EXCEPT !.log = Append(@, event)]
Send(f, message) == [f EXCEPT !.sent = Append(@, message)]
Count(s, P(_)) == Cardinality({i \in 1 .. Len(s) : P(s[i])})

-----------------------------------------------------------------------------
(* The step: what a message does to a flow. One operator for each term of the chapters on steps and calls.
   flow.step.function *)

(* Finish: close the open node and report, once. flow.status.report, flow.status.absorbing *)
Finish(f, status, class) ==
    Send(Log([f EXCEPT !.status = status, !.at = 0, !.phase = "none", !.timer = NoTimer, !.reserved = 0],
             <<"ended", f.at, status, class>>), <<"report", status>>)

(* Start a timer in the place of the one before. Its packet names the reason, the node and the attempt. *)
StartTimer(f, why) ==
    LET timer == <<why, f.at, f.attempt>>
    IN  Send([f EXCEPT !.timer = timer], <<"timer", timer>>)

(* Dispatch an attempt, unless a limit would be exceeded. flow.budget.calls, flow.budget.tokens, flow.budget.both *)
Exceeds(f) ==
    IF Guard("calls", f.calls + 1 <= ProgramCalls) = FALSE THEN "calls"
    ELSE IF Guard("carry", f.calls + f.carry + 1 <= PolicyCalls) = FALSE THEN "calls"
    ELSE IF Guard("reserve", f.tokens + f.reserved + 1 <= MaxTokens) = FALSE THEN "tokens"
    ELSE "none"
Dispatch(f) ==
    LET sent == Log(Send([f EXCEPT !.calls = @ + 1, !.reserved = @ + 1, !.phase = "called", !.timer = NoTimer],
                         <<"call", f.at, f.attempt>>), <<"called", f.at, f.attempt>>)
    IN  IF Exceeds(f) # "none" THEN Finish(f, "budget_exceeded", Exceeds(f))
        ELSE IF Timeout THEN StartTimer(sent, "timeout") ELSE sent

(* Enter the node n. flow.step.quiescent: the step ends at an open call or wait, or at the end. *)
Enter(f, n) ==
    LET g == [f EXCEPT !.at = n, !.attempt = 1, !.phase = "waiting", !.timer = NoTimer]
    IN  IF n > Len(Nodes) THEN Finish(f, "succeeded", "none")
        ELSE IF Nodes[n] = "call" THEN Dispatch(g)
        ELSE IF Timeout THEN StartTimer(g, "wait") ELSE g

(* Settle an attempt: give back the reserve and count the usage. *)
Settle(f, attempt, outcome) ==
    Log([f EXCEPT !.reserved = IF f.phase = "backoff" THEN @ ELSE @ - 1, !.tokens = @ + 1],
        <<"settled", f.at, attempt, outcome>>)

(* Try again, at once or after a delay; or give up. flow.retry.schedule *)
TryAgain(f, class) ==
    IF Guard("retry", f.attempt < MaxAttempts) = FALSE THEN Finish(f, "failed", class)
    ELSE IF Backoff THEN StartTimer([f EXCEPT !.phase = "backoff"], "backoff")
    ELSE Unless("drops", Dispatch([f EXCEPT !.attempt = @ + 1]), [f EXCEPT !.attempt = @ + 1, !.timer = NoTimer])

(* Why a message is ignored: the first reason of the table that applies, or "none". flow.step.ignored *)
Current(f, m) == m.node = f.at /\ f.at # 0
Reason(f, m) ==
    IF Guard("terminal", f.status \notin Terminal) = FALSE /\ m.mt # "replan" THEN "terminal"
    ELSE IF f.status = "planned" /\ m.mt # "start" THEN "planned"
    ELSE CASE m.mt = "result" ->
              IF Guard("request", Current(f, m)) = FALSE THEN "unknown-request"
              ELSE IF m.attempt > f.attempt THEN "wrong-attempt"
              ELSE IF Guard("stale", m.outcome = "ok" \/ (m.attempt = f.attempt /\ f.phase # "backoff")) = FALSE
                   THEN "stale-attempt"
              ELSE IF m.outcome = "pending" /\ f.phase = "pending" THEN "already-pending"
              ELSE "none"
           [] m.mt = "fired"   -> IF Guard("timer", m.timer = f.timer) THEN "none" ELSE "stale-timer"
           [] m.mt = "event"   -> IF Guard("waiting", f.phase = "waiting" /\ Current(f, m)) THEN "none" ELSE "not-waiting"
           [] m.mt = "receipt" -> IF Current(f, m) /\ Guard("receipt", m.attempt = f.attempt) /\ f.phase # "waiting" THEN "none"
                                  ELSE "unknown-request"
           [] m.mt = "replan"  -> IF Guard("interrupted", f.status = "budget_exceeded") = FALSE THEN "not-interrupted"
                                  ELSE IF Guard("continued", ~ f.next) = FALSE THEN "already-continued" ELSE "none"
           [] m.mt = "start"   -> IF f.status = "planned" THEN "none" ELSE "not-planned"
           [] OTHER            -> "none"

Fired(f, m) ==
    LET g == Log([f EXCEPT !.timer = NoTimer], <<"fired", f.at, m.timer>>)
    IN  CASE m.timer[1] = "timeout" -> TryAgain(Settle(g, f.attempt, "timeout"), "timeout")
          [] m.timer[1] = "backoff" -> Dispatch([g EXCEPT !.attempt = @ + 1])
          [] m.timer[1] = "wait"    -> Finish(g, "failed", "timeout")

Carry(f, m) ==
    CASE Broken = "after-end" /\ f.status \in Terminal /\ m.mt = "cancel" -> [f EXCEPT !.status = "failed"]
      [] Reason(f, m) # "none" -> Log(f, <<"ignored", f.at, m.mt, Reason(f, m)>>)
      [] m.mt = "result" /\ m.outcome = "ok" /\ m.attempt < f.attempt /\ Broken = "late-ok" -> Settle(f, m.attempt, "ok")
      [] m.mt = "result" /\ m.outcome = "ok" -> Enter(Settle(f, m.attempt, "ok"), f.at + 1)
      [] m.mt = "result" /\ m.outcome = "error" -> TryAgain(Settle(f, m.attempt, "error"), "tool")
      [] m.mt = "result" /\ m.outcome = "bad" -> Finish(Settle(f, m.attempt, "bad"), "failed", "bad-result")
      [] m.mt = "result" /\ m.outcome = "pending" ->      \* flow.timeout.pending: the timer is removed
            Log([f EXCEPT !.phase = "pending", !.timer = Unless("pending", NoTimer, @)], <<"pending", f.at, m.attempt>>)
      [] m.mt = "fired"   -> Fired(f, m)
      [] m.mt = "event"   -> Enter(Log(f, <<"resumed", f.at>>), f.at + 1)
      [] m.mt = "receipt" -> Finish(Settle(f, m.attempt, "undeliverable"), "failed", "undeliverable")
      [] m.mt = "cancel"  -> Finish(f, "failed", "cancelled")
      [] m.mt = "replan"  -> Log([f EXCEPT !.next = TRUE], <<"continued", 0>>)
      [] m.mt = "start"   -> Enter(f, 1)

(* The status between two steps. flow.status.suspended *)
Status(f) ==
    IF f.at = 0 THEN f
    ELSE [f EXCEPT !.status = IF f.phase \in {"pending", "waiting"} /\ Broken # "suspended" THEN "suspended" ELSE "running"]

(* The genesis message. A successor is planned and takes over what was spent. flow.replan.heir, flow.replan.carries *)
Born(spent) == Log([Unborn EXCEPT !.status = "planned", !.carry = spent], <<"planned", 0>>)
Begun == Status(Enter(Log(Unborn, <<"admitted", 0>>), 1))

-----------------------------------------------------------------------------
(* The runtime *)

Init ==
    /\ db = [f |-> Begun, g |-> Unborn]
    /\ mail = [x \in Flows |-> <<>>]
    /\ view = [h \in Hosts |-> [now |-> db, base |-> db]]
    /\ performed = [x \in Flows \X (1 .. Len(Nodes)) \X (0 .. MaxAttempts) |-> 0]
    /\ left = [extra |-> Extra, kills |-> Kills]

Unchanged(h, x, new) == view' = [view EXCEPT ![h].now[x] = new] /\ UNCHANGED <<db, mail, performed, left>>

(* A step that covers the next message of the outside. *)
Step(h, x) ==
    LET f == view[h].now[x]
        m == mail[x][f.seen + 1]
        read == [f EXCEPT !.seen = Unless("skips", @ + 1, Len(mail[x]))]
    IN  /\ f.seen < Len(mail[x])
        /\ Unchanged(h, x, IF m.mt = "genesis"
                           THEN IF f.status = "absent"
                                THEN [Unless("heir", Born(view[h].now["f"].calls), Begun) EXCEPT !.seen = read.seen]
                                ELSE read
                           ELSE Status(Carry(read, m)))

(* The successor reads what "f" sent it: its genesis message and flow.start. *)
Hear(h) ==
    LET f == view[h].now["f"]
        g == view[h].now["g"]
    IN  /\ f.next /\ g.heard < 2
        /\ Unchanged(h, "g", IF g.heard = 0
                             THEN [IF g.status = "absent" THEN Born(f.calls) ELSE g EXCEPT !.heard = 1]
                             ELSE Status(Carry([g EXCEPT !.heard = 2], [mt |-> "start"])))

(* Make the steps durable. If another runtime was faster, they are discarded. runtime.head.cas *)
Flush(h) ==
    LET same == Guard("blind", db = view[h].base)
        new == IF same THEN view[h].now ELSE db
    IN  /\ view[h].now # view[h].base \/ view[h].base # db
        /\ db' = new
        /\ view' = [view EXCEPT ![h] = [now |-> new, base |-> new]]
        /\ UNCHANGED <<mail, performed, left>>

(* A kill: the steps that are not durable are lost, and the runtime is started again. flow.crash.every-boundary *)
Kill(h) ==
    /\ left.kills > 0 /\ view[h].now # db
    /\ view' = [view EXCEPT ![h] = [now |-> Unless("resend", db, [db EXCEPT !["f"] = Send(@, db["f"].sent[1])]), base |-> db]]
    /\ left' = [left EXCEPT !.kills = @ - 1]
    /\ UNCHANGED <<db, mail, performed>>

-----------------------------------------------------------------------------
(* The outside *)

(* flow.call.once: what a step sends can be read once the step is durable. *)
Range(s) == {s[i] : i \in 1 .. Len(s)}
Visible(x) == Range(db[x].sent) \cup Unless("early", {}, UNION {Range(view[h].now[x].sent) : h \in Hosts})

Has(x, m) == \E i \in 1 .. Len(mail[x]) : mail[x][i] = m
(* Put a message behind the others. The first answer to something that was sent is free; all others are extra. *)
Deliver(x, m, free) ==
    /\ mail' = [mail EXCEPT ![x] = Append(@, m)]
    /\ IF free THEN UNCHANGED left ELSE left.extra > 0 /\ left' = [left EXCEPT !.extra = @ - 1]

(* flow.call.key-stable: the key names the flow and the node, not the attempt. The peer performs a key that it does not know
   yet, remembers it, and answers. *)
Key(x, call) == <<x, call[2], Unless("key", 0, call[3])>>
Answered(x, call) ==
    \E m \in Range(mail[x]) : m.mt = "result" /\ m.node = call[2] /\ m.attempt = call[3] /\ m.outcome # "pending"
Answer(x, call, outcome) ==
    /\ call[1] = "call"
    /\ performed' = [performed EXCEPT ![Key(x, call)] = IF @ = 0 THEN 1 ELSE Unless("forgets", @, @ + 1)]
    /\ LET m == [mt |-> "result", node |-> call[2], attempt |-> call[3], outcome |-> outcome]
       IN  Deliver(x, m, ~ Answered(x, call) /\ ~ Has(x, m))
    /\ UNCHANGED <<db, view>>

(* The timer answers each flow.timer, at any time, also twice. flow.timeout.race *)
Fire(x, sent) ==
    /\ sent[1] = "timer"
    /\ LET m == [mt |-> "fired", timer |-> sent[2]] IN Deliver(x, m, ~ Has(x, m))
    /\ UNCHANGED <<db, view, performed>>

(* A peer sends the event of a wait, also before the wait is open and after it has ended. flow.wait.bound, flow.wait.once *)
Event(x, n) ==
    /\ db[x].status \notin {"absent"} /\ Nodes[n] = "wait"
    /\ LET m == [mt |-> "event", node |-> n] IN Deliver(x, m, ~ Has(x, m) /\ db[x].at = n)
    /\ UNCHANGED <<db, view, performed>>

(* A receipt of the agent: the peer failed at the message of this attempt, and did not read it. *)
Receipt(x, call) ==
    /\ call[1] = "call" /\ "receipt" \in Worlds /\ ~ Answered(x, call)
    /\ Deliver(x, [mt |-> "receipt", node |-> call[2], attempt |-> call[3]], FALSE)
    /\ UNCHANGED <<db, view, performed>>

(* A client cancels, asks for a successor, or sends the first core of the successor itself. *)
Client(x, mt) ==
    /\ mt \in Worlds \ {"receipt"}
    /\ mt = "genesis" => x = "g"
    /\ mt = "replan" => x = "f" /\ (Has(x, [mt |-> mt]) => left.extra > 0)
    /\ mt = "cancel" => db[x].status # "absent"
    /\ Deliver(x, [mt |-> mt], FALSE)
    /\ UNCHANGED <<db, view, performed>>

Work(h) == Flush(h) \/ Hear(h) \/ \E x \in Flows : Step(h, x)
Peers == \E x \in Flows :
    \/ \E sent \in Visible(x) : Fire(x, sent) \/ \E outcome \in Outcomes : Answer(x, sent, outcome)
    \/ \E n \in 1 .. Len(Nodes) : Event(x, n)
Next ==
    \/ \E h \in Hosts : Work(h) \/ Kill(h)
    \/ Peers
    \/ \E x \in Flows : (\E sent \in Visible(x) : Receipt(x, sent)) \/ \E mt \in Worlds : Client(x, mt)

Spec == Init /\ [][Next]_vars
=============================================================================
