'use strict'
const at = id => document.getElementById(id)
const token = () => new URLSearchParams(location.hash.slice(1)).get('token')
const session = () => sessionStorage.getItem('session')
async function ask(path, body = {}) {
  const headers = {authorization: `Bearer ${session() ?? ''}`}
  const reply = await fetch(path, {method: 'POST', credentials: 'omit', headers, body: JSON.stringify(body)})
  const found = await reply.json()
  if (reply.status === 401 && path === '/call') enter(null)
  if (!reply.ok) throw new Error(found.error)
  return found
}
function enter(begun) {
  if (begun) sessionStorage.setItem('session', begun)
  else sessionStorage.removeItem('session')
  for (const id of ['result', 'list', 'log']) at(id).textContent = ''
  for (const id of ['work', 'signout']) at(id).hidden = !begun
  at('signin').hidden = !!begun
  at('state').value = begun ? 'signed in' : 'signed out'
}
async function show() {
  for (const tool of ['list', 'log']) at(tool).textContent = JSON.stringify(await ask('/call', {tool, arguments: {}}), null, 1)
}
async function register() {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON((await ask('/begin')).create)
  const key = await navigator.credentials.create({publicKey})
  await ask('/register', {token: token(), response: key.toJSON()})
  history.replaceState(null, '', location.pathname)
  at('register').hidden = true
  enter(null)
  at('state').value = 'registered'
}
async function signIn() {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON((await ask('/begin')).get)
  const signed = await navigator.credentials.get({publicKey})
  enter(await ask('/signin', {response: signed.toJSON()}))
  await show()
}
async function signOut() {
  await ask('/signout')
  enter(null)
}
async function call(tool, named) {
  try { at('result').textContent = JSON.stringify(await ask('/call', {tool, arguments: named})) }
  catch (error) { at(session() ? 'result' : 'state').textContent = error.message }
  if (session()) await show()
}
const guarded = work => async () => { try { await work() } catch (error) { at('state').value = error.message } }
at('register').onclick = guarded(register)
at('signin').onclick = guarded(signIn)
at('signout').onclick = guarded(signOut)
at('run').onclick = guarded(() => call('run', {program: at('program').value}))
at('install').onclick = guarded(() => call('install', {mt: at('type').value, program: at('program').value}))
onhashchange = () => { at('register').hidden = !token() }
guarded(async () => {
  onhashchange()
  at('who').textContent = (await ask('/begin')).name
  if (session()) { enter(session()); await show() }
})()
