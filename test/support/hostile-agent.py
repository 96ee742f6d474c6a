# What answers an agent's requests with nonsense: random frames, wrong lengths, the answers of an agent with bits turned.
#   python hostile-agent.py SEED [what is said to start the agent, which is passed over]
import os, random, struct, sys

random.seed(int(sys.argv[1]))


def exactly(n):
    data = b""
    while len(data) < n:
        part = os.read(0, n - len(data))
        if not part: os._exit(0)
        data += part
    return data


def noise(n):
    return bytes(bytearray(random.choice((0, 1, 255, random.randrange(256))) for _ in range(n)))


def answer(request):
    """What an agent might say, before bits are turned."""
    kind = request[:1]
    if kind == b"H":
        at, sent = 5, b""
        for _ in range(struct.unpack_from("<I", request, 1)[0]):
            size, = struct.unpack_from("<I", request, at + 8)
            sent = sent or request[at + 12:at + 12 + size]
            at += 12 + size
        count, = struct.unpack_from("<I", request, at)
        sizes = [struct.unpack_from("<I", request, at + 4 + 12 * i + 8)[0] for i in range(count)]
        parts = [noise(random.randrange(min(size, 300) + 1)) for size in sizes]
        # The struct that was sent, as if nothing was written to it: an empty list, no text on the console.
        if sizes and random.randrange(4): parts[0] = sent[:sizes[0]].rstrip(b"\0")
        return struct.pack("<q", random.choice((0,) * 20 + (1, 20, -13))) + b"".join(
            struct.pack("<I", len(p)) + p for p in parts)
    if kind == b"O": return struct.pack("<i", 0) + b'{"verb":"\\u001b[2J"}\n2026-01-02T03:04:05Z begins: ' + noise(300)
    return struct.pack("<iQ", 0, random.randrange(100)) + noise(random.randrange(200))


def frame(body):
    size = random.choice((len(body),) * 300 + (len(body) + 1, 0, 1 << 31, 0xffffffff, 9 << 20))
    return struct.pack("<I", size) + body


hello = struct.pack("<iQII", 0, 1 << 40, 8 << 20, 0) + b"python\0\x1b]0;x\x07\0\0"
os.write(1, b"Welcome\nXSPLICE-AGENT 2\n" + struct.pack("<I", len(hello)) + hello)
while True:
    n, = struct.unpack("<I", exactly(4))
    request = exactly(n)
    if n == 0: os._exit(0)
    if request[:1] == b"#": continue
    body = bytearray(answer(request))
    for _ in range(random.choice((0,) * 40 + (1, 3))):
        if body: body[random.randrange(len(body))] ^= 1 << random.randrange(8)
    os.write(1, frame(bytes(body)))
    if random.randrange(60) == 0: os._exit(random.choice((0, 70)))
