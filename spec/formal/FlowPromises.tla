---------------------------- MODULE FlowPromises ----------------------------
(* FlowPromises: what must be true of flows. S: in every state. A: between two states. L: in the long run.
   profiles-invariants.json names the rules that each promise states. *)
EXTENDS Flow

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
    /\ \A i \in 1 .. Len(f.log) :
          (Is(f.log[i], "ended") /\ f.log[i][4] \in {"tool", "timeout"} /\ Nodes[f.log[i][2]] = "call") =>
              \A k \in 1 .. MaxAttempts : Settled(f, f.log[i][2], k) >= 1)

(* S: after a result was carried out, the timer of its attempt has no effect; and a timer has no effect twice. *)
TimerRace == EveryFlow(LAMBDA f : \A i, j \in 1 .. Len(f.log) :
    (i < j /\ Is(f.log[j], "fired")) =>
        /\ f.log[i] # f.log[j]
        /\ ~ (f.log[j][3][1] = "timeout" /\ Is(f.log[i], "settled")
              /\ f.log[i][2] = f.log[j][2] /\ f.log[i][3] = f.log[j][3][3]))

(* S: an attempt that was answered with pending does not time out. *)
PendingStays == EveryFlow(LAMBDA f : \A i, j \in 1 .. Len(f.log) :
    ~ (i < j /\ Is(f.log[i], "pending") /\ Is(f.log[j], "fired") /\ f.log[j][3] = <<"timeout", f.log[i][2], f.log[i][3]>>))

(* S: a receipt fails a call only if it is for the message of the current attempt. *)
ReceiptCurrent == EveryFlow(LAMBDA f : \A i, j \in 1 .. Len(f.log) :
    (i < j /\ Is(f.log[i], "called") /\ Is(f.log[j], "settled") /\ f.log[j][4] = "undeliverable" /\ f.log[i][2] = f.log[j][2]) =>
        f.log[i][3] <= f.log[j][3])

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

(* S: a flow is a function of its first core and of the messages that it covered, also after kills. *)
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
    \/ \E x \in Flows : \E e \in Visible(x) :
          Fire(x, e) \/ (Unanswered(x, e) /\ \E outcome \in Outcomes : Answer(x, e, outcome))
FairSpec == Spec /\ ([]<>~CanWork \/ []<><<WorkStep>>_vars)
EndsAtLast == \A x \in Flows : db[x].status \in {"running", "suspended"} ~> db[x].status \in Terminal
=============================================================================
