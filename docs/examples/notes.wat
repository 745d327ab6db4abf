;; A guest that keeps notes: each message is put at the end of the file /workspace/notes.txt.
;; A note that begins with "!" makes it work hard first; one that begins with "#" makes it reach for its own code.
(module
  (import "grit" "input" (func $input (param i32 i32) (result i32)))
  (import "grit" "covered" (func $covered (param i32 i32 i32) (result i32)))
  (import "grit" "link" (func $link (param i32 i32 i32) (result i32)))
  (import "grit" "read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "grit" "blob" (func $blob (param i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "place" (func $place (param i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "step" (func $step (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "result" (func $result (param i32) (result i32)))
  (memory 1)
  (data (i32.const 0) "fs/workspace/notes.txt" "wit")
  ;; where the ids stand that the host writes
  (global $actor i32 (i32.const 64)) (global $last i32 (i32.const 96)) (global $core i32 (i32.const 128))
  (global $outbox i32 (i32.const 160)) (global $inbox i32 (i32.const 192)) (global $sender i32 (i32.const 224))
  (global $message i32 (i32.const 256)) (global $content i32 (i32.const 288)) (global $made i32 (i32.const 320))
  ;; the notes so far, and how long they are: both are there again in the next call
  (global $notes i32 (i32.const 1024))
  (global $length (mut i32) (i32.const 0))

  (func $work (local $n i32)
    (loop $on (br_if $on (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100000)))))

  (func $keep_note (local $at i32) (local $size i32) (local $first i32)
    (drop (call $covered (i32.const 0) (global.get $sender) (global.get $message)))
    (drop (call $link (global.get $message) (i32.const 1) (global.get $content)))
    (local.set $at (i32.add (global.get $notes) (global.get $length)))
    (local.set $size (call $read (global.get $content) (i32.const 0) (local.get $at) (i32.const 1000)))
    (local.set $first (i32.load8_u (local.get $at)))
    (if (i32.eq (local.get $first) (i32.const 33)) (then (call $work)))
    (if (i32.eq (local.get $first) (i32.const 35)) (then
      (drop (call $place (global.get $core) (i32.const 22) (i32.const 3) (global.get $content) (global.get $core)))))
    (i32.store8 (i32.add (local.get $at) (local.get $size)) (i32.const 10))
    (global.set $length (i32.add (global.get $length) (i32.add (local.get $size) (i32.const 1))))
    (drop (call $blob (global.get $notes) (global.get $length) (i32.const 0) (i32.const 0) (global.get $made)))
    (drop (call $place (global.get $core) (i32.const 0) (i32.const 22) (global.get $made) (global.get $core))))

  (func (export "wit") (result i32)
    (drop (call $input (i32.const 0) (global.get $actor)))
    (drop (call $input (i32.const 2) (global.get $core)))
    (drop (call $input (i32.const 4) (global.get $outbox)))
    (drop (call $input (i32.const 5) (global.get $inbox)))
    ;; the first call has no step before it, and its message is no note
    (if (i32.ge_s (call $input (i32.const 1) (global.get $last)) (i32.const 0)) (then (call $keep_note)))
    (drop (call $step (global.get $last) (global.get $actor) (global.get $inbox) (global.get $outbox)
      (global.get $core) (global.get $made)))
    (call $result (global.get $made))))
