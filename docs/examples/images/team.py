"""Five actors in one operation, a program that is replaced while its timer runs, and a request with a key."""

from gritstone import grit
from gritstone.image import Image, OperationFailed, Program, Quota

image = Image(grit.Store.open(grit.MemoryEngine(), grit.CBOR_BLAKE3))
work = Program().count("hours")
team = [image.principal(name, quota=Quota(fuel=100), code={"work": work}) for name in ("ada", "bo", "cy", "di", "ed")]

with image.together() as all_or_none:
    for actor in team:
        all_or_none.send(actor, "work", 8)
print("hours:", [image.read(actor, "hours") for actor in team])

image.install(team[4], work=Program().count("hours").fail("ill"))
try:
    with image.together() as all_or_none:
        for actor in team:
            all_or_none.send(actor, "work", 8)
except OperationFailed as error:
    print(error)
print("hours:", [image.read(actor, "hours") for actor in team])

ada = team[0]
image.install(ada, tick=Program().add("ticks", 1))
image.request(ada.run(Program().timer(60_000, "tick")))
image.install(ada, tick=Program().add("ticks", 100))
image.clock(60_000)
image.run()
print("ticks:", image.read(ada, "ticks"))

for _ in range(2):
    print("order-7:", image.request(ada.run(Program().add("orders", 1)), key="order-7").seq)
print("orders:", image.read(ada, "orders"))
