"""One attack and five axes: each of them stops it alone, and all other cores are as before."""

from gritstone import grit
from gritstone.image import Image, Program


def stage():
    """Return an image in which A may ask B to spend."""
    image = Image(grit.Store.open(grit.MemoryEngine(), grit.CBOR_BLAKE3))
    owner = image.principal("owner", caps=["spawn"])
    b = image.spawn(owner, "b", code={"spend": Program().add("spent", 1)})
    a = image.spawn(owner, "a")
    image.grant(a, b.may_send("*"))
    image.admit(b, "spend", [a])
    image.admit(b, "run", [a])
    return image, a, b


def attack(a, b):
    """A writes down that it asks, and asks B to spend."""
    return a.run(Program().write("asked", "yes").send(b, "spend"))


def none(image, a, b):
    return attack(a, b)


def language(image, a, b):
    """A sends B bytes that are no program: the language has no such operation."""
    return a.run(Program().write("asked", "yes").send(b, "run", {"program": grit.Blob({}, b"\x51")}))


def location(image, a, b):
    """A changes its own handler, by a write."""
    return a.run(Program().write("code/spend", "anything").send(b, "spend"))


def invocation(image, a, b):
    image.admit(b, "spend", [])
    return attack(a, b)


def capability(image, a, b):
    image.revoke(a, b.may_send("*"))
    return attack(a, b)


def rollback(image, a, b):
    """B fails after it has spent."""
    image.install(b, spend=Program().add("spent", 1).fail())
    return attack(a, b)


for change in (none, language, location, invocation, capability, rollback):
    image, a, b = stage()
    letter = change(image, a, b)
    before = [view.core for view in image.list()]
    outcome = image.request(letter)
    cores = "all cores as before" if [view.core for view in image.list()] == before else "B has spent"
    print(f"{change.__name__:<11} {outcome.failed or 'committed':<20} {cores}")
    image.close()
