"""Sources and targets of links: proton's as tuples for control, and control's to proton."""

from skrouter.amqp.engine.proton_api cimport *
from skrouter.amqp.engine.pump cimport decode_into, encoded_data

cdef enum:
    EXPIRE_SESSION_END = 1


cdef object terminus_fields(pn_terminus_t *terminus):
    cdef const char *address = pn_terminus_get_address(terminus)
    return (
        pn_terminus_get_type(terminus),
        None if address == NULL else address.decode("utf-8", "replace"),
        pn_terminus_get_durability(terminus),
        pn_terminus_get_expiry_policy(terminus),
        pn_terminus_get_timeout(terminus),
        bool(pn_terminus_is_dynamic(terminus)),
        pn_terminus_get_distribution_mode(terminus),
        encoded_data(pn_terminus_capabilities(terminus)),
        encoded_data(pn_terminus_properties(terminus)),
        encoded_data(pn_terminus_filter(terminus)),
    )


cdef int set_terminus(pn_terminus_t *terminus, int kind, object fields) except -1:
    address, durability, expiry, timeout, dynamic, capabilities, properties, filters = fields
    pn_terminus_set_type(terminus, kind)
    if address is not None:
        pn_terminus_set_address(terminus, (<str>address).encode())
    pn_terminus_set_durability(terminus, durability)
    pn_terminus_set_expiry_policy(terminus, expiry)
    pn_terminus_set_timeout(terminus, timeout)
    pn_terminus_set_dynamic(terminus, dynamic)
    decode_into(pn_terminus_capabilities(terminus), capabilities)
    decode_into(pn_terminus_properties(terminus), properties)
    decode_into(pn_terminus_filter(terminus), filters)
    return 0


cdef int answer_terminus(pn_terminus_t *local, int kind, pn_terminus_t *remote, str address) except -1:
    """Proton takes a source without address for none at all; the answer has one all the same."""
    pn_terminus_copy(local, remote)
    pn_terminus_set_type(local, kind)
    if address is not None:
        pn_terminus_set_address(local, address.encode())
    if address is None and pn_terminus_get_address(remote) == NULL:
        pn_terminus_set_expiry_policy(local, EXPIRE_SESSION_END)
    else:                                   # said aloud, though it is the peer's own
        pn_terminus_set_expiry_policy(local, pn_terminus_get_expiry_policy(remote))
    return 0
