------------------------------ MODULE Channels ------------------------------
(* Channels: which messages are unread, and how a sender may change its outbox.

   A message holds the id of the message before it, so it is modelled as its whole chain: a sequence of labels, oldest
   first. <<x, y>> is a message with the label y whose previous is <<x>>. This makes three things simple:

     - the previous of a message is the sequence without its last label, and its root is the first label;
     - a message that is sent again with the same previous and the same content is the same value, as it has the same id;
     - two chains share a message if and only if their first labels are equal.

   The empty sequence stands for "no message". A mailbox is a function from every participant to a message, where
   "no message" means that the mailbox has no entry. *)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANT Broken     \* the name of the one guard that is off, "none" in the model itself: see mutants.toml

(* A guard of the model: a condition that a mutant switches off. *)
Guard(name, condition) == Broken = name \/ condition

None == <<>>

(* s is the beginning of t, or all of it. *)
IsPrefix(s, t) == Len(s) <= Len(t) /\ SubSeq(t, 1, Len(s)) = s

(* chain(m) contains t: t is m, its previous, the previous of that, and so on. *)
OnChain(t, m) == t # None /\ IsPrefix(t, m)

(* Two chains have a message in common if and only if they have the same root. *)
ShareMessage(s, t) == s # None /\ t # None /\ Head(s) = Head(t)

(* The unread messages of a channel, oldest first: follow previous from the tip until the cursor, or to the root. again is 0;
   with 1 the message of the cursor is read again. wit.channel.unread, wit.channel.cursor *)
UnreadBehind(tip, cursor, again) ==
    IF tip = None \/ tip = cursor
    THEN <<>>
    ELSE LET read == IF OnChain(cursor, tip) THEN Len(cursor) - again ELSE 0
         IN  [i \in 1 .. (Len(tip) - read) |-> SubSeq(tip, 1, read + i)]

(* In the mutant cursor-unread the walk stops one message too late. *)
Unread(tip, cursor) == UnreadBehind(tip, cursor, IF Broken = "cursor-unread" THEN 1 ELSE 0)

(* The changes of an outbox entry that admission permits, one line for each row of the table in the chapter on channels.
   wit.admit.outbox *)
LegalChange(old, new) ==
    \/ new = old                           \* nothing was sent
    \/ new = None                          \* the entry is withdrawn
    \/ old = None                          \* the channel begins, or begins again
    \/ OnChain(old, new)                   \* queued behind the old entry
    \/ ~ ShareMessage(old, new)            \* a signal supersedes what is unread

(* The sendings of a legal change, oldest first. *)
SentBy(old, new) == UnreadBehind(new, old, 0)

(* The elements of a sequence. *)
Range(s) == {s[i] : i \in 1 .. Len(s)}

(* How often e occurs in the sequence s. *)
Times(e, s) == Cardinality({i \in 1 .. Len(s) : s[i] = e})

(* s results from t by leaving out elements: the greedy search takes the first place of each element. *)
RECURSIVE IsSubsequence(_, _)
IsSubsequence(s, t) ==
    IF s = <<>> THEN TRUE
    ELSE IF t = <<>> THEN FALSE
    ELSE IF Head(s) = Head(t) THEN IsSubsequence(Tail(s), Tail(t))
    ELSE IsSubsequence(s, Tail(t))

(* The sequences of a sequence, joined. *)
RECURSIVE Joined(_)
Joined(s) == IF s = <<>> THEN <<>> ELSE Head(s) \o Joined(Tail(s))
=============================================================================
