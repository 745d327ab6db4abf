"""Conversations in memory: one turn by hand, and one as a whole."""

from gritstone import grit
from gritstone.session import Calls, Final, Sessions, Tool


def multiply(a: int, b: int) -> int:
    """Multiply two integers."""
    return a * b


def model(turn):
    """Stand in for a language model: call the tool once, then repeat its result."""
    *_, last = turn.messages
    if last["role"] == "tool":
        return f"It is {last['content']}."
    return {"action": "call_tool", "tool": "multiply", "input": {"a": 17, "b": 24}}


def by_hand(sessions):
    chat = sessions.open(system="Be brief.", tools=[Tool(multiply)])
    turn = chat.prepare("What is 17 * 24?")  # nothing has changed
    match chat.commit(turn, model(turn)):
        case Calls(calls):
            for call in calls:
                chat.result(call, multiply(**call.arguments))
    turn = chat.prepare()  # the same turn of the user, with the results
    match chat.commit(turn, model(turn)):
        case Final(text):
            print(text)


def whole(sessions):
    chat = sessions.open(system="Be brief.", tools=[Tool(multiply)])
    print(chat.run("What is 17 * 24?", model=model, tools=[Tool(multiply)]))


if __name__ == "__main__":
    store = grit.Store.open(grit.MemoryEngine(), grit.CBOR_BLAKE3)
    with Sessions(store) as sessions:
        by_hand(sessions)
        whole(sessions)
