"""Native face of the frame guard: what an AMQP frame must satisfy before proton may decode it.

A guard holds no pointer and owns no memory: it is embedded by value in its connection and needs no release.
`data` belongs to the caller and is only looked at during the call.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t


cdef enum:
    # Why an octet stream is refused; the text of each is guard_description().
    GUARD_OK = 0
    GUARD_PROTOCOL_HEADER          # the first 8 octets are not AMQP 0 1 0 0
    GUARD_MALFORMED_FRAME          # size below 8, or data offset below 2 or behind the frame's end
    GUARD_FRAME_TOO_LARGE          # size field above the max-frame-size we advertised
    GUARD_SASL_FRAME               # frame type 1 after SASL
    GUARD_FRAME_TYPE               # any other frame type; proton 0.40 never answers again after one
    GUARD_CHANNEL                  # begin on a channel above the channel-max we advertised
    GUARD_NO_SUCH_CHANNEL          # any other performative on such a channel
    GUARD_NOT_A_PERFORMATIVE       # the body does not begin with a described list; proton 0.40 never answers again
    GUARD_SYMBOLIC_PERFORMATIVE    # legal AMQP, but proton 0.40 never answers again after one
    GUARD_UNKNOWN_PERFORMATIVE     # descriptor outside 0x10 to 0x18; nor after one of these
    GUARD_BEFORE_OPEN              # a performative before the open; skupper-router never answers again after one
    GUARD_TRAILING_OCTETS          # octets behind a performative that carries no payload
    GUARD_TYPE_CODE                # no such AMQP type
    GUARD_SIZE                     # a value does not fit the octets that enclose it, or does not fill them
    GUARD_COUNT                    # more elements than the octets can hold, or too many without width
    GUARD_MAP_COUNT                # a map with a key and no value
    GUARD_DEPTH                    # values nested deeper than GUARD_MAX_DEPTH

cdef enum:
    # Proton 0.40 recurses once for each level of nesting and stops at none; the deepest legal field in use
    # (filters and properties holding maps of lists of described values) stays below 10.
    GUARD_MAX_DEPTH = 32
    # Elements such as null occupy no octet, so nothing else bounds how many nodes an array of them becomes.
    GUARD_MAX_ZERO_WIDTH = 256

cdef struct guard_t:
    uint32_t max_frame_size  # octets, as we advertise it in open; also the most the caller ever has to keep back
    uint32_t payload         # octets of a checked transfer's payload that are still to pass
    uint32_t wanted          # octets that must be offered together before more can pass; set by each scan
    uint32_t at_size         # of the latest frame, so of the refused one: its size field
    uint16_t channel_max
    uint16_t at_channel      # of the same frame
    uint8_t at_descriptor    # of the same frame; 0 where none was read
    uint8_t error            # the first refusal; it stands for every later scan
    bint header_passed
    bint opened


cdef void guard_init(guard_t *guard, uint32_t max_frame_size, uint16_t channel_max) noexcept nogil
# Other limits from the next frame on.
cdef void guard_limit(guard_t *guard, uint32_t max_frame_size, uint16_t channel_max) noexcept nogil

# Looks at `length` octets that follow those already passed (the first ones ever: the protocol header, which passes once).
# Sets *passable to how many may be given to proton now: whole frames, and for a transfer whose performative has been
# checked also a part of its payload. The rest must be offered again, with more octets behind it (guard.wanted in all).
# After a refusal *passable still counts the good frames before the bad one; a later scan passes nothing.
cdef int guard_scan(guard_t *guard, const uint8_t *data, size_t length, size_t *passable) noexcept nogil

# Constant texts, never NULL; the caller frees nothing.
cdef const char *guard_condition(int error) noexcept nogil
cdef const char *guard_description(int error) noexcept nogil

# Writes the description of this guard's refusal with its numbers ("remote channel 9 is above negotiated channel_max 3.")
# to the caller's `text`, always terminated (size > 0); gives the length written.
cdef size_t guard_explain(const guard_t *guard, char *text, size_t size) noexcept nogil
