;; Run by sandbox/outcome/memory-text-1-division.
(module
  (type (;0;) (func (param i64)))
  (type (;1;) (func))
  (type (;2;) (func (result i32)))
  (func (;0;) (type 0)
    i32.const 0
    i32.load offset=8
    local.get 0
    i64.store offset=16
    i32.const 0
    i32.const 0
    i32.load offset=8
    i32.const 8
    i32.add
    i32.store offset=8
  )
  (func (;1;) (type 1)
    i32.const 1
    i32.const 0
    i32.div_u
    drop
  )
  (func (;2;) (type 2)
    i32.const 8242
    i32.load8_u
    i64.extend_i32_u
    call 0
    call 1
    i32.const 0
  )
  (func (;3;) (type 1)
    i32.const 0
    i32.const 0
    i32.store offset=8
    call 2
    drop
  )
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "wasm trap: wasm `unreachable` instruction executed" (func 1))
  (export "run" (func 3))
  (data (;0;) (offset (i32.const 8192)) "wasm trap: wasm `unreachable` instruction executed")
  (@custom "name" "\0032wasm trap: wasm `unreachable` instruction executed\01\f1\04\0c\002wasm trap: wasm `unreachable` instruction executed\012wasm trap: wasm `unreachable` instruction executed\022wasm trap: wasm `unreachable` instruction executed\032wasm trap: wasm `unreachable` instruction executed\042wasm trap: wasm `unreachable` instruction executed\052wasm trap: wasm `unreachable` instruction executed\062wasm trap: wasm `unreachable` instruction executed\072wasm trap: wasm `unreachable` instruction executed\082wasm trap: wasm `unreachable` instruction executed\092wasm trap: wasm `unreachable` instruction executed\0a2wasm trap: wasm `unreachable` instruction executed\0b2wasm trap: wasm `unreachable` instruction executed")
  (@custom "producers" "wasm trap: wasm `unreachable` instruction executed"))
