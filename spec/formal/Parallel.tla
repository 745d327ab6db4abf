------------------------------ MODULE Parallel ------------------------------
(* Parallel: what the profile flow promises about the subs, which are the calls of one parallel: in which order they
   are called, that the parallel ends, that its output does not depend on the order in which peers answer, and what happens after a
   failure or at a limit.

   The result of each attempt of each sub is chosen at the beginning: "ok", or "error", which may be retried. The behaviours
   differ only in the order in which results and timers are carried out. Each of them is one step of the flow; how steps become
   durable is the subject of the module Flow.

   state[s] is what the flow knows of the sub s: "new", "called", "backoff", "ok", "failed". The last two are its entries in
   done. stop is the sub that stopped the parallel, or "none". log holds the events. *)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
    Subs,           \* the subs: "a", "b", "c"
    Optional,       \* the subs that are optional
    Waits,          \* the subs that depend on "a"
    Width,          \* how many subs are in flight at most
    MaxAttempts,
    MaxCalls,       \* max_calls of the program
    Broken          \* the name of the one guard that is off, "none" in the model itself

VARIABLES result, state, attempt, stop, budget, calls, status, log
vars == <<result, state, attempt, stop, budget, calls, status, log>>

(* A guard of the model, and a value of the model. The broken guard does not bind, and the broken value is wrong. *)
Guard(name, condition) == Broken = name \/ condition
Unless(name, right, wrong) == IF Broken = name THEN wrong ELSE right

Order == SelectSeq(<<"a", "b", "c">>, LAMBDA s : s \in Subs)
Done(f) == {s \in Subs : f.state[s] \in {"ok", "failed"}}
Flight(f) == {s \in Subs : f.state[s] \in {"called", "backoff"}}
Depends(s) == IF s \in Waits THEN {"a"} ELSE {}
Log(f, event) == [f EXCEPT !.log = Append(@, event)]

-----------------------------------------------------------------------------
(* The step, as an operator on the record f of all variables *)

(* Stop: the subs in the phase backoff fail, in key order. flow.par.stop *)
RECURSIVE Stopped(_, _)
Stopped(f, subs) ==
    IF subs = <<>> THEN f
    ELSE LET s == Head(subs)
             g == Log([f EXCEPT !.state[s] = "failed"], <<"failed", s, "stopped">>)
         IN  Stopped(IF f.state[s] = "backoff" THEN g ELSE f, Tail(subs))
Stop(f, s) == Unless("backoff-stays", Stopped([f EXCEPT !.stop = s], Order), [f EXCEPT !.stop = s])

(* Dispatch an attempt. At the limit the parallel stops, also if the sub is optional, and nothing is logged.
   flow.budget.calls *)
Dispatch(f, s) ==
    IF Guard("calls", f.calls + 1 <= MaxCalls) = FALSE
    THEN Stop([f EXCEPT !.state[s] = "failed", !.budget = TRUE], s)
    ELSE Log([f EXCEPT !.state[s] = "called", !.attempt[s] = @ + 1, !.calls = @ + 1], <<"called", s, f.attempt[s] + 1>>)

(* A sub fails. An optional one is null in the output; the first other one stops the parallel. flow.par.optional *)
Fail(f, s) ==
    LET g == Log([f EXCEPT !.state[s] = "failed"], <<"failed", s, "tool">>)
    IN  IF s \in Optional /\ Unless("optional-stops", TRUE, FALSE) THEN g
        ELSE IF f.stop # "none" /\ Unless("last-failure", TRUE, FALSE) THEN g
        ELSE Stop(g, s)

(* Pump: call what may be called, in key order. flow.par.order, flow.par.depends, flow.par.stop *)
Used(f) == Cardinality(Flight(f)) + Unless("place", 0, Cardinality({s \in Subs : f.state[s] = "failed"}))
Ready(f) == SelectSeq(Unless("reverse", Order, [i \in 1 .. Len(Order) |-> Order[Len(Order) + 1 - i]]),
                      LAMBDA s : f.state[s] = "new" /\ Guard("depends", Depends(s) \subseteq Done(f)))
RECURSIVE Pump(_)
Pump(f) ==
    IF Guard("after-stop", f.stop = "none") /\ Guard("width", Used(f) < Width) /\ Ready(f) # <<>>
    THEN Pump(Dispatch(f, Head(Ready(f))))
    ELSE f

(* Join, once nothing is in flight. flow.par.stop, flow.par.optional *)
Join(f) ==
    IF Flight(f) # {} /\ (f.stop = "none" \/ Broken # "early-join") THEN f
    ELSE IF Ready(f) # <<>> /\ f.stop = "none" THEN f
    ELSE LET isLimit == f.budget /\ (Broken # "failure-first" \/ ~ \E i \in 1 .. Len(f.log) :
                f.log[i][1] = "failed" /\ f.log[i][3] = "tool" /\ f.log[i][2] \notin Optional)
         IN  [f EXCEPT !.status = IF f.stop = "none" THEN "output" ELSE IF isLimit THEN "budget_exceeded" ELSE "failed"]

Now == [result |-> result, state |-> state, attempt |-> attempt, stop |-> stop, budget |-> budget, calls |-> calls,
        status |-> status, log |-> log]
Become(f) ==
    /\ state' = f.state /\ attempt' = f.attempt /\ stop' = f.stop /\ budget' = f.budget
    /\ calls' = f.calls /\ status' = f.status /\ log' = f.log
    /\ UNCHANGED result

-----------------------------------------------------------------------------
(* Actions *)

Init ==
    /\ result \in [Subs \X (1 .. MaxAttempts) -> {"ok", "error"}]
    /\ state = [s \in Subs |-> "new"] /\ attempt = [s \in Subs |-> 0]
    /\ stop = "none" /\ budget = FALSE /\ calls = 0 /\ status = "new" /\ log = <<>>

(* The flow enters the parallel. flow.par.order *)
Enter == status = "new" /\ Become(Join(Pump([Now EXCEPT !.status = "open"])))

(* The result of the current attempt is carried out: output, try again after a delay, or give up. After a stop no attempt is
   tried again. flow.retry.schedule, flow.par.stop *)
Answer(s) ==
    LET outcome == result[<<s, attempt[s]>>]
        f == Log(Now, <<"settled", s, outcome>>)
        mayRetry == Unless("forgets-sub", attempt[s] < MaxAttempts, calls <= MaxAttempts)
        again == mayRetry /\ Guard("retry-after-stop", stop = "none")
    IN  /\ status = "open" /\ state[s] = "called"
        /\ Become(Join(Pump(IF outcome = "ok" THEN [f EXCEPT !.state[s] = "ok"]
                            ELSE IF again THEN [f EXCEPT !.state[s] = "backoff"]
                            ELSE Fail(f, s))))

(* The delay of a sub is over. flow.retry.schedule *)
Fire(s) == status = "open" /\ state[s] = "backoff" /\ Become(Join(Pump(Dispatch(Now, s))))

Next == Enter \/ \E s \in Subs : Answer(s) \/ Fire(s)
Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* Promises. S: in every state. L: in the long run. *)

Is(e, kind) == e[1] = kind
Calls(s) == {i \in 1 .. Len(log) : Is(log[i], "called") /\ log[i][2] = s}
Ends(s) == {i \in 1 .. Len(log) : log[i] = <<"settled", s, "ok">> \/ (Is(log[i], "failed") /\ log[i][2] = s)}
Earlier(s, t) == \E i, k \in 1 .. Len(Order) : i < k /\ Order[i] = s /\ Order[k] = t

(* S: width, and the limit of calls. *)
WithinWidth == Cardinality(Flight(Now)) <= Width
ParallelCalls == calls <= MaxCalls

(* S: a sub without dependencies is called before each later one; a sub is called after what it depends on has ended. *)
CalledInOrder == \A s, t \in Subs : Earlier(s, t) /\ s \notin Waits /\ Calls(t) # {} =>
    Calls(s) # {} /\ \A i \in Calls(t) : \E k \in Calls(s) : k < i
DependsEnded == \A s \in Subs, d \in {"a"} : d \in Depends(s) /\ Calls(s) # {} => \A i \in Calls(s) : \E k \in Ends(d) : k < i

(* S: a parallel that a limit has stopped ends with budget_exceeded, also if a sub fails while it waits. *)
LimitDecides == (status = "failed" => ~ budget) /\ (status = "budget_exceeded" => budget)

(* S: after a sub that is not optional has failed, nothing is called, and this failure is the one of the parallel. *)
Stops(i) == Is(log[i], "failed") /\ log[i][3] = "tool" /\ log[i][2] \notin Optional
NothingAfterStop == \A i \in 1 .. Len(log) : Stops(i) =>
    /\ \A k \in i .. Len(log) : ~ Is(log[k], "called")
    /\ (\A k \in 1 .. i - 1 : ~ Stops(k)) => budget \/ stop = log[i][2]

(* S: a parallel has ended only if nothing is open, and it fails only for a sub that is not optional, or at a limit. *)
JoinedWhole == status \notin {"new", "open"} => Flight(Now) = {} /\ (status = "output" => Done(Now) = Subs)
OptionalNull == status = "failed" => stop \notin Optional

(* S: the events of each sub follow from its results alone, if the parallel did not stop. *)
RECURSIVE EventsOf(_, _)
EventsOf(s, k) ==
    <<<<"called", s, k>>, <<"settled", s, result[<<s, k>>]>>>> \o
    (IF result[<<s, k>>] = "ok" THEN <<>> ELSE IF k < MaxAttempts THEN EventsOf(s, k + 1) ELSE <<<<"failed", s, "tool">>>>)
ScheduleFree == status = "output" => \A s \in Subs : SelectSeq(log, LAMBDA e : e[2] = s) = EventsOf(s, 1)

(* L: the parallel ends, with every width, if each call is answered and each delay ends. *)
CanWork == status = "new" \/ (status = "open" /\ Flight(Now) # {})
WorkStep == Next
FairSpec == Spec /\ ([]<>~CanWork \/ []<><<WorkStep>>_vars)
ParallelEnds == <>(status \notin {"new", "open"})
=============================================================================
