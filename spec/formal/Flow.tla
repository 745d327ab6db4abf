-------------------------------- MODULE Flow --------------------------------
(* Flow: what the profile flow promises about results, timers, waits, budgets and successors. A result counts once, whenever and
   however often it arrives, whoever is killed, and whichever of two runtimes reads it.

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
Guard(name, condition) == Broken = name \/ condition

Terminal == {"succeeded", "failed", "budget_exceeded"}
NoTimer == <<"none", 0, 0>>
Unborn == [status |-> "absent", at |-> 0, phase |-> "none", attempt |-> 0, timer |-> NoTimer, reserved |-> 0, tokens |-> 0,
           calls |-> 0, carry |-> 0, next |-> FALSE, log |-> <<>>, sent |-> <<>>, seen |-> 0, heard |-> 0]

Log(f, event) == [f EXCEPT !.log = Append(@, event)]
Send(f, message) == [f EXCEPT !.sent = Append(@, message)]
Count(s, P(_)) == Cardinality({i \in 1 .. Len(s) : P(s[i])})

-----------------------------------------------------------------------------
(* The step: what a message does to a flow. One operator for each term of the chapters on steps and calls. *)

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
    IF Guard("calls", f.calls + 1 <= ProgramCalls) = FALSE \/ Guard("carry", f.calls + f.carry + 1 <= PolicyCalls) = FALSE THEN "calls"
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
    Log([f EXCEPT !.reserved = IF f.phase = "backoff" THEN @ ELSE @ - 1, !.tokens = @ + 1], <<"settled", f.at, attempt, outcome>>)

(* Try again, at once or after a delay; or give up. flow.retry.schedule *)
TryAgain(f, class) ==
    IF Guard("retry", f.attempt < MaxAttempts) = FALSE THEN Finish(f, "failed", class)
    ELSE IF Backoff THEN StartTimer([f EXCEPT !.phase = "backoff"], "backoff")
    ELSE IF Broken = "drops" THEN [f EXCEPT !.attempt = @ + 1, !.timer = NoTimer]
    ELSE Dispatch([f EXCEPT !.attempt = @ + 1])

(* Why a message is ignored: the first reason of the table that applies, or "none". flow.step.ignored *)
Current(f, m) == m.node = f.at /\ f.at # 0
Reason(f, m) ==
    IF Guard("terminal", f.status \notin Terminal) = FALSE /\ m.mt # "replan" THEN "terminal"
    ELSE IF f.status = "planned" /\ m.mt # "start" THEN "planned"
    ELSE CASE m.mt = "result" ->
              IF Guard("request", Current(f, m)) = FALSE THEN "unknown-request"
              ELSE IF m.attempt > f.attempt THEN "wrong-attempt"
              ELSE IF Guard("stale", m.outcome = "ok" \/ (m.attempt = f.attempt /\ f.phase # "backoff")) = FALSE THEN "stale-attempt"
              ELSE IF m.outcome = "pending" /\ f.phase = "pending" THEN "already-pending"
              ELSE "none"
           [] m.mt = "fired"   -> IF Guard("timer", m.timer = f.timer) THEN "none" ELSE "stale-timer"
           [] m.mt = "event"   -> IF Guard("waiting", f.phase = "waiting" /\ Current(f, m)) THEN "none" ELSE "not-waiting"
           [] m.mt = "receipt" -> IF Current(f, m) /\ m.attempt = f.attempt /\ f.phase # "waiting" THEN "none" ELSE "unknown-request"
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
            Log([f EXCEPT !.phase = "pending", !.timer = IF Broken = "pending" THEN @ ELSE NoTimer], <<"pending", f.at, m.attempt>>)
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
        read == [f EXCEPT !.seen = IF Broken = "skips" THEN Len(mail[x]) ELSE @ + 1]
    IN  /\ f.seen < Len(mail[x])
        /\ Unchanged(h, x, IF m.mt = "genesis"
                           THEN IF f.status = "absent"
                                THEN [IF Broken = "heir" THEN Begun ELSE Born(view[h].now["f"].calls) EXCEPT !.seen = read.seen]
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

Kill(h) ==
    /\ left.kills > 0 /\ view[h].now # db
    /\ view' = [view EXCEPT ![h] = [now |-> IF Broken = "resend" THEN [db EXCEPT !["f"] = Send(@, db["f"].sent[1])] ELSE db, base |-> db]]
    /\ left' = [left EXCEPT !.kills = @ - 1]
    /\ UNCHANGED <<db, mail, performed>>

-----------------------------------------------------------------------------
(* The outside *)

(* flow.call.once: what a step sends can be read once the step is durable. *)
Visible(x) == {db[x].sent[i] : i \in 1 .. Len(db[x].sent)} \cup
              (IF Broken = "early" THEN UNION {{view[h].now[x].sent[i] : i \in 1 .. Len(view[h].now[x].sent)} : h \in Hosts} ELSE {})

Has(x, m) == \E i \in 1 .. Len(mail[x]) : mail[x][i] = m
Deliver(x, m, free) ==
    /\ mail' = [mail EXCEPT ![x] = Append(@, m)]
    /\ IF free THEN UNCHANGED left ELSE left.extra > 0 /\ left' = [left EXCEPT !.extra = @ - 1]

(* flow.call.key-stable: the key names the flow and the node, not the attempt. The peer performs a key that it does not know yet,
   remembers it, and answers. *)
Key(x, call) == <<x, call[2], IF Broken = "key" THEN call[3] ELSE 0>>
Answered(x, call) ==
    \E i \in 1 .. Len(mail[x]) : LET m == mail[x][i] IN m.mt = "result" /\ m.node = call[2] /\ m.attempt = call[3] /\ m.outcome # "pending"
Answer(x, call, outcome) ==
    /\ call[1] = "call"
    /\ performed' = [performed EXCEPT ![Key(x, call)] = IF @ = 0 \/ Broken = "forgets" THEN @ + 1 ELSE @]
    /\ LET m == [mt |-> "result", node |-> call[2], attempt |-> call[3], outcome |-> outcome]
       IN  Deliver(x, m, ~ Answered(x, call) /\ ~ Has(x, m))
    /\ UNCHANGED <<db, view>>

Fire(x, sent) ==
    /\ sent[1] = "timer"
    /\ LET m == [mt |-> "fired", timer |-> sent[2]] IN Deliver(x, m, ~ Has(x, m))
    /\ UNCHANGED <<db, view, performed>>

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

-----------------------------------------------------------------------------
(* Promises. S: in every state. A: between two states. L: in the long run. *)

Is(e, kind) == e[1] = kind
EveryFlow(P(_)) == \A x \in Flows : P(db[x])
Happened(f, kind, node) == Count(f.log, LAMBDA e : Is(e, kind) /\ e[2] = node)
Ok(f, node) == Count(f.log, LAMBDA e : Is(e, "settled") /\ e[2] = node /\ e[4] = "ok")
Settled(f, node, k) == Count(f.log, LAMBDA e : Is(e, "settled") /\ e[2] = node /\ e[3] = k)

(* S: the first ok of a call is its output, and nothing settles the call after it. *)
OutputOnce == EveryFlow(LAMBDA f : \A i, j \in 1 .. Len(f.log) :
    i < j /\ Is(f.log[i], "settled") /\ Is(f.log[j], "settled") /\ f.log[i][2] = f.log[j][2] => f.log[i][4] # "ok")

(* S: what settles a call as ok is a result that the peer sent for this call. *)
ResultBound == \A x \in Flows : \A i \in 1 .. Len(db[x].log) :
    LET e == db[x].log[i]
    IN  Is(e, "settled") /\ e[4] = "ok" => Has(x, [mt |-> "result", node |-> e[2], attempt |-> e[3], outcome |-> "ok"])

(* S: each attempt is sent once, and it is in the trace. *)
SentOnce == EveryFlow(LAMBDA f : \A i \in 1 .. Len(f.sent) : Is(f.sent[i], "call") =>
    /\ Count(f.sent, LAMBDA e : e = f.sent[i]) = 1
    /\ Count(f.log, LAMBDA e : e = <<"called", f.sent[i][2], f.sent[i][3]>>) = 1)

(* S: a call fails for errors and timeouts only after all its attempts, each of which was settled. *)
AllAttempts == EveryFlow(LAMBDA f :
    /\ \A i \in 1 .. Len(f.log) : Is(f.log[i], "called") => f.log[i][3] <= MaxAttempts
    /\ \A i \in 1 .. Len(f.log) : (Is(f.log[i], "ended") /\ f.log[i][4] \in {"tool", "timeout"} /\ Nodes[f.log[i][2]] = "call") =>
          \A k \in 1 .. MaxAttempts : Settled(f, f.log[i][2], k) >= 1)

(* S: after a result was carried out, the timer of its attempt has no effect; and a timer has no effect twice. *)
TimerRace == EveryFlow(LAMBDA f : \A i, j \in 1 .. Len(f.log) :
    (i < j /\ Is(f.log[j], "fired")) =>
        /\ f.log[i] # f.log[j]
        /\ ~ (f.log[j][3][1] = "timeout" /\ Is(f.log[i], "settled") /\ f.log[i][2] = f.log[j][2] /\ f.log[i][3] = f.log[j][3][3]))

(* S: an attempt that was answered with pending does not time out. *)
PendingStays == EveryFlow(LAMBDA f : \A i, j \in 1 .. Len(f.log) :
    ~ (i < j /\ Is(f.log[i], "pending") /\ Is(f.log[j], "fired") /\ f.log[j][3] = <<"timeout", f.log[i][2], f.log[i][3]>>))

(* S: one event resumes a wait, and nothing else. *)
ResumedOnce == EveryFlow(LAMBDA f : \A i \in 1 .. Len(f.log) :
    Is(f.log[i], "resumed") => Nodes[f.log[i][2]] = "wait" /\ Happened(f, "resumed", f.log[i][2]) = 1)

(* S: limits. Late results, which come for an attempt that had already been settled, are not in the reserve. *)
Late(f) == Count(f.log, LAMBDA e : Is(e, "settled") /\ e[4] = "ok" /\ Settled(f, e[2], e[3]) > 1)
WithinBudget == EveryFlow(LAMBDA f :
    /\ f.calls <= ProgramCalls /\ f.calls + f.carry <= PolicyCalls
    /\ f.calls = Count(f.log, LAMBDA e : Is(e, "called"))
    /\ f.tokens + f.reserved <= MaxTokens + Late(f))

(* S: one report, in the step in which the flow ends. S: a flow that has not ended has something open, and says which. *)
OneReport == EveryFlow(LAMBDA f : Count(f.sent, LAMBDA e : Is(e, "report")) = IF f.status \in Terminal THEN 1 ELSE 0)
OpenNode == EveryFlow(LAMBDA f : f.status \in {"absent", "planned"} \cup Terminal \/
    (f.at # 0 /\ f.status = IF f.phase \in {"pending", "waiting"} THEN "suspended" ELSE "running"))

(* A: a flow that has ended stays as it is, apart from ignored messages and its successor. A: a trace only grows. *)
EndedStays == [][\A x \in Flows : db[x].status \in Terminal =>
    /\ db'[x].status = db[x].status /\ db'[x].sent = db[x].sent
    /\ \A i \in Len(db[x].log) + 1 .. Len(db'[x].log) : db'[x].log[i][1] \in {"ignored", "continued"}]_vars
TraceGrows == [][\A x \in Flows : Len(db'[x].log) >= Len(db[x].log) /\ SubSeq(db'[x].log, 1, Len(db[x].log)) = db[x].log]_vars

(* S: a flow is a function of its first core and of the messages that it covered, whoever was killed in between. *)
RECURSIVE Fold(_, _)
Fold(f, messages) == IF messages = <<>> THEN f ELSE Fold(Status(Carry(f, Head(messages))), Tail(messages))
SameTrace == [db["f"] EXCEPT !.seen = 0] = Fold(Begun, SubSeq(mail["f"], 1, db["f"].seen))

(* S: the peer performs each call once, and each call that it performed is in a durable trace. *)
PerformedOnce == \A x \in Flows, n \in 1 .. Len(Nodes) :
    LET times == {k \in 0 .. MaxAttempts : performed[<<x, n, k>>] > 0}
    IN  Cardinality(times) <= 1 /\ \A k \in times : performed[<<x, n, k>>] = 1
PerformedKnown == \A x \in Flows, n \in 1 .. Len(Nodes), k \in 0 .. MaxAttempts :
    performed[<<x, n, k>>] > 0 => Happened(db[x], "called", n) > 0

(* S: a successor begins only with the flow.start of a flow that was interrupted, once. *)
SuccessorStart ==
    /\ db["f"].next => db["f"].status = "budget_exceeded"
    /\ Count(db["f"].log, LAMBDA e : Is(e, "continued")) <= 1
    /\ db["g"].status \notin {"absent", "planned"} => db["f"].next /\ db["g"].heard = 2

(* L: every flow ends, if peers answer, timers fire and a runtime works. *)
Unanswered(x, e) == e[1] = "call" /\ ~ Answered(x, e)
CanWork ==
    \/ \E h \in Hosts : view[h].now # view[h].base \/ view[h].base # db
    \/ \E x \in Flows : db[x].seen < Len(mail[x]) \/ \E e \in Visible(x) : Unanswered(x, e)
    \/ \E x \in Flows : \E e \in Visible(x) : e[1] = "timer" /\ ~ Has(x, [mt |-> "fired", timer |-> e[2]])
    \/ db["f"].next /\ db["g"].heard < 2
WorkStep ==
    \/ \E h \in Hosts : Work(h)
    \/ \E x \in Flows : \E e \in Visible(x) : Fire(x, e) \/ (Unanswered(x, e) /\ \E outcome \in Outcomes : Answer(x, e, outcome))
FairSpec == Spec /\ ([]<>~CanWork \/ []<><<WorkStep>>_vars)
EndsAtLast == \A x \in Flows : db[x].status \in {"running", "suspended"} ~> db[x].status \in Terminal

-----------------------------------------------------------------------------
(* Holes: sentences of the text that this model, which follows its tables, violates *)

(* "As long as no usage is above the cost of its tool, tokens never exceeds max_tokens." *)
TokensNever == EveryFlow(LAMBDA f : f.tokens <= MaxTokens)

(* "If the timer is carried out first and no further attempt is made, the result MUST NOT have an effect." flow.timeout.race *)
RaceAsWritten == EveryFlow(LAMBDA f : \A i, j \in 1 .. Len(f.log) :
    (i < j /\ Is(f.log[i], "fired") /\ f.log[i][3][1] = "timeout" /\ Is(f.log[j], "settled") /\ f.log[j][2] = f.log[i][2]
     /\ f.log[j][4] = "ok") => \E k \in i .. Len(f.log) : f.log[k] = <<"called", f.log[i][2], f.log[i][3][3] + 1>>)

(* "If the message of an open call makes its peer irrecoverable, the flow MUST fail the call with the class undeliverable."
   flow.call.undeliverable *)
ReceiptAsWritten == EveryFlow(LAMBDA f : \A i \in 1 .. Len(f.log), node \in 1 .. Len(Nodes) :
    f.log[i] # <<"ignored", node, "receipt", "unknown-request">>)
=============================================================================
