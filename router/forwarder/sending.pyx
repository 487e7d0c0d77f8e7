"""Outgoing AMQP deliveries: a link with something to send joins its connection's list, and `write_links` gives proton what credit
and session room allow, once a pass. The receiver's dispositions come back here too.
"""

from libc.stdint cimport uint64_t, uint8_t

from skrouter.amqp.engine.poller cimport engine_t
from skrouter.amqp.engine.proton_api cimport *
from skrouter.amqp.engine.connection cimport connection_wake
from skrouter.amqp.engine.model cimport connection_t
from skrouter.router.forwarder.copies cimport copy_consume, copy_peek, copy_sent
from skrouter.router.forwarder.model cimport LINK_STREAMING, Q3_UPPER, copy_t, link_t, links_t, outcome_t
from skrouter.router.forwarder.receiving cimport resume_all
from skrouter.router.forwarder.sections cimport write_annotations
from skrouter.router.forwarder.settlement cimport copy_free, copy_outcome, plain_outcome
from skrouter.router.forwarder.streams cimport offer_streaming_link


cdef void queue_write(link_t *link) noexcept nogil:
    if link.pn == NULL:
        return
    _enlist(link)
    connection_wake(link.connection)


cdef void _enlist(link_t *link) noexcept nogil:
    cdef links_t *links = <links_t *>link.connection.links
    if link.write_queued:
        return
    link.write_queued = True
    link.next_write = NULL
    if links.last_write != NULL:
        links.last_write.next_write = link
    else:
        links.first_write = link
    links.last_write = link


cdef void write_links(connection_t *connection) noexcept nogil:
    """Every link that waits gets its turn; one that the session has no room for stays in the list."""
    cdef links_t *links = <links_t *>connection.links
    cdef link_t *link
    cdef link_t *following
    if links == NULL:
        return
    if links.first_resume != NULL:
        resume_all(links)
    if connection.output_waits:
        return                              # proton would encode without end what the socket does not take
    link = links.first_write
    links.first_write = links.last_write = NULL
    while link != NULL:
        following = link.next_write
        link.write_queued = False
        if _write_link(link):
            _enlist(link)                   # without waking: room comes with the socket or with a frame of the peer
        link = following


cdef bint _write_link(link_t *link) noexcept nogil:
    """Send what credit and session allow. True: more could go when the session has room again."""
    cdef copy_t *copy
    cdef bint full = False
    while link.first != NULL:
        copy = link.first
        if not copy.started:
            if pn_link_credit(link.pn) <= 0:
                if not link.zero_credit_since:
                    link.zero_credit_since = link.forwarder.engine.now
                break
            if not _begin(link, copy):
                continue
        full = not _send_octets(link, copy)
        if full or not _finish(link, copy):
            break
    if link.first == NULL:
        _stream_done(link)
        if pn_link_get_drain(link.pn):
            pn_link_drained(link.pn)
    return full


cdef bint _begin(link_t *link, copy_t *copy) noexcept nogil:
    """Make proton's delivery and write the annotations. False: it cannot be sent, and is gone."""
    cdef engine_t *engine = link.forwarder.engine
    cdef pn_bytes_t tag
    cdef size_t length = 0
    cdef outcome_t outcome
    if link.annotated:
        length = write_annotations(copy.content, copy.arrival.link if copy.arrival != NULL else NULL, link, engine.write_scratch)
        if length == 0:
            outcome = plain_outcome(PN_RELEASED)
            copy_outcome(copy, &outcome, True)
            return False
    tag.size = sizeof(uint64_t)
    tag.start = <const char *>&engine.delivery_tag      # little endian, as all our machines are
    copy.pn = pn_delivery(link.pn, tag)
    engine.delivery_tag += 1
    copy.started = True
    pn_delivery_set_context(copy.pn, copy)
    if link.annotated:
        pn_link_send(link.pn, <const char *>engine.write_scratch, length)
        (<links_t *>link.connection.links).octets_out += length
    link.connection.last_delivery = engine.now
    return True


cdef bint _send_octets(link_t *link, copy_t *copy) noexcept nogil:
    """Give proton all octets that are here; False when its session holds enough."""
    cdef const uint8_t *data = NULL
    cdef pn_session_t *session = pn_link_session(link.pn)
    cdef size_t size = copy_peek(copy, &data)
    while size:
        if pn_session_outgoing_bytes(session) >= Q3_UPPER:
            return False
        pn_link_send(link.pn, <const char *>data, size)
        (<links_t *>link.connection.links).octets_out += size
        copy_consume(copy, size)
        size = copy_peek(copy, &data)
    return True


cdef bint _finish(link_t *link, copy_t *copy) noexcept nogil:
    """If the message is complete, end the delivery. False: more of it is still to come."""
    cdef pn_delivery_t *delivery = copy.pn
    if not copy.content.complete:
        return False
    pn_link_advance(link.pn)
    if copy.presettled or copy.settle_on_send or link.settles_first:
        pn_delivery_set_context(delivery, NULL)
        copy.pn = NULL
        pn_delivery_settle(delivery)
    copy_sent(copy)
    _stream_done(link)
    return True


cdef void _stream_done(link_t *link) noexcept nogil:
    """A streaming link without a delivery goes back to its pool, or takes the next one that waits."""
    if link.kind == LINK_STREAMING and link.first == NULL and not link.idle and link.channel == NULL:
        offer_streaming_link(<links_t *>link.connection.links, link)


cdef void outgoing_disposition(link_t *link, pn_delivery_t *delivery) noexcept nogil:
    """The receiver's state, its settlement, or both."""
    cdef copy_t *copy = <copy_t *>pn_delivery_get_context(delivery)
    cdef bint settled = pn_delivery_settled(delivery)
    cdef bint unfinished
    cdef outcome_t outcome
    if copy == NULL or not pn_delivery_updated(delivery):
        return
    pn_delivery_clear(delivery)
    outcome = _read_disposition(pn_delivery_remote(delivery), pn_delivery_remote_state(delivery))
    if not settled:
        copy_outcome(copy, &outcome, False)
        return
    unfinished = not copy.sent
    pn_delivery_set_context(delivery, NULL)
    copy.pn = NULL
    copy_outcome(copy, &outcome, True)
    pn_delivery_settle(delivery)            # ends the transfer too, if the receiver did not wait for all of it
    if unfinished:
        _stream_done(link)
        queue_write(link)
    connection_wake(link.connection)


cdef outcome_t _read_disposition(pn_disposition_t *remote, uint64_t state) noexcept nogil:
    cdef outcome_t outcome = plain_outcome(state)
    outcome.source = remote
    if state == PN_RECEIVED:
        outcome.section_number = pn_disposition_get_section_number(remote)
        outcome.section_offset = pn_disposition_get_section_offset(remote)
    elif state == PN_MODIFIED:
        outcome.failed = pn_disposition_is_failed(remote)
        outcome.undeliverable = pn_disposition_is_undeliverable(remote)
    return outcome


cdef void settle_copy(copy_t *copy) noexcept nogil:
    cdef pn_delivery_t *delivery = copy.pn
    cdef connection_t *connection = copy.link.connection
    copy.pn = NULL
    copy_free(copy)
    if delivery != NULL:
        pn_delivery_set_context(delivery, NULL)
        pn_delivery_settle(delivery)
    connection_wake(connection)


cdef void abort_copy(copy_t *copy) noexcept nogil:
    cdef pn_delivery_t *delivery = copy.pn
    cdef link_t *link = copy.link
    copy.pn = NULL
    copy_free(copy)
    if delivery != NULL:
        pn_delivery_set_context(delivery, NULL)
        pn_delivery_abort(delivery)
    _stream_done(link)
    queue_write(link)
