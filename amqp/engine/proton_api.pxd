"""Proton's engine interface as declared in proton_api.h: one line per function, nothing else."""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

cdef extern from "proton_api.h" nogil:
    ctypedef struct pn_connection_t:
        pass
    ctypedef struct pn_transport_t:
        pass
    ctypedef struct pn_collector_t:
        pass
    ctypedef struct pn_event_t:
        pass
    ctypedef struct pn_session_t:
        pass
    ctypedef struct pn_link_t:
        pass
    ctypedef struct pn_delivery_t:
        pass
    ctypedef struct pn_disposition_t:
        pass
    ctypedef struct pn_condition_t:
        pass
    ctypedef struct pn_terminus_t:
        pass
    ctypedef struct pn_data_t:
        pass
    ctypedef struct pn_bytes_t:
        size_t size
        const char *start
    enum:
        PN_CONNECTION_REMOTE_OPEN
        PN_CONNECTION_REMOTE_CLOSE
        PN_SESSION_REMOTE_OPEN
        PN_SESSION_REMOTE_CLOSE
        PN_LINK_REMOTE_OPEN
        PN_LINK_REMOTE_CLOSE
        PN_LINK_REMOTE_DETACH
        PN_LINK_FLOW
        PN_DELIVERY
        PN_TRANSPORT_ERROR
        PN_LOCAL_UNINIT
        PN_LOCAL_ACTIVE
        PN_LOCAL_CLOSED
        PN_REMOTE_UNINIT
        PN_REMOTE_ACTIVE
        PN_REMOTE_CLOSED
        PN_RECEIVED
        PN_ACCEPTED
        PN_REJECTED
        PN_RELEASED
        PN_MODIFIED
        PN_UNSPECIFIED
        PN_SOURCE
        PN_TARGET
        PN_COORDINATOR
        PN_SND_UNSETTLED
        PN_SND_SETTLED
        PN_SND_MIXED
    pn_connection_t *pn_connection()
    void pn_connection_free(pn_connection_t *)
    void pn_connection_collect(pn_connection_t *, pn_collector_t *)
    void pn_connection_set_context(pn_connection_t *, void *)
    void *pn_connection_get_context(pn_connection_t *)
    int pn_connection_state(pn_connection_t *)
    void pn_connection_open(pn_connection_t *)
    void pn_connection_close(pn_connection_t *)
    void pn_connection_set_container(pn_connection_t *, const char *)
    void pn_connection_set_hostname(pn_connection_t *, const char *)
    const char *pn_connection_remote_container(pn_connection_t *)
    const char *pn_connection_remote_hostname(pn_connection_t *)
    pn_data_t *pn_connection_offered_capabilities(pn_connection_t *)
    pn_data_t *pn_connection_desired_capabilities(pn_connection_t *)
    pn_data_t *pn_connection_properties(pn_connection_t *)
    pn_data_t *pn_connection_remote_offered_capabilities(pn_connection_t *)
    pn_data_t *pn_connection_remote_desired_capabilities(pn_connection_t *)
    pn_data_t *pn_connection_remote_properties(pn_connection_t *)
    pn_condition_t *pn_connection_condition(pn_connection_t *)
    pn_condition_t *pn_connection_remote_condition(pn_connection_t *)
    pn_transport_t *pn_transport()
    void pn_transport_free(pn_transport_t *)
    int pn_transport_bind(pn_transport_t *, pn_connection_t *)
    int pn_transport_unbind(pn_transport_t *)
    pn_condition_t *pn_transport_condition(pn_transport_t *)
    void pn_transport_set_max_frame(pn_transport_t *, uint32_t)
    uint32_t pn_transport_get_max_frame(pn_transport_t *)
    uint32_t pn_transport_get_remote_max_frame(pn_transport_t *)
    int pn_transport_set_channel_max(pn_transport_t *, uint16_t)
    uint16_t pn_transport_remote_channel_max(pn_transport_t *)
    void pn_transport_set_idle_timeout(pn_transport_t *, uint32_t)
    uint32_t pn_transport_get_remote_idle_timeout(pn_transport_t *)
    void pn_transport_trace(pn_transport_t *, int)
    ssize_t pn_transport_capacity(pn_transport_t *)
    ssize_t pn_transport_push(pn_transport_t *, const char *, size_t)
    int pn_transport_close_tail(pn_transport_t *)
    ssize_t pn_transport_pending(pn_transport_t *)
    const char *pn_transport_head(pn_transport_t *)
    void pn_transport_pop(pn_transport_t *, size_t)
    int pn_transport_close_head(pn_transport_t *)
    bint pn_transport_closed(pn_transport_t *)
    int64_t pn_transport_tick(pn_transport_t *, int64_t)
    pn_collector_t *pn_collector()
    void pn_collector_free(pn_collector_t *)
    void pn_collector_release(pn_collector_t *)
    pn_event_t *pn_collector_peek(pn_collector_t *)
    bint pn_collector_pop(pn_collector_t *)
    int pn_event_type(pn_event_t *)
    void *pn_event_context(pn_event_t *)
    pn_session_t *pn_event_session(pn_event_t *)
    pn_link_t *pn_event_link(pn_event_t *)
    pn_delivery_t *pn_event_delivery(pn_event_t *)
    pn_session_t *pn_session(pn_connection_t *)
    void pn_session_free(pn_session_t *)
    void pn_session_open(pn_session_t *)
    void pn_session_close(pn_session_t *)
    void pn_session_set_context(pn_session_t *, void *)
    void *pn_session_get_context(pn_session_t *)
    int pn_session_state(pn_session_t *)
    pn_connection_t *pn_session_connection(pn_session_t *)
    int pn_session_set_incoming_window_and_lwm(pn_session_t *, uint32_t, uint32_t)
    size_t pn_session_outgoing_bytes(pn_session_t *)
    size_t pn_session_incoming_bytes(pn_session_t *)
    uint32_t pn_session_remote_incoming_window(pn_session_t *)
    pn_condition_t *pn_session_condition(pn_session_t *)
    pn_condition_t *pn_session_remote_condition(pn_session_t *)
    pn_link_t *pn_sender(pn_session_t *, const char *)
    pn_link_t *pn_receiver(pn_session_t *, const char *)
    void pn_link_free(pn_link_t *)
    void pn_link_set_context(pn_link_t *, void *)
    void *pn_link_get_context(pn_link_t *)
    const char *pn_link_name(pn_link_t *)
    bint pn_link_is_sender(pn_link_t *)
    int pn_link_state(pn_link_t *)
    pn_session_t *pn_link_session(pn_link_t *)
    pn_link_t *pn_link_head(pn_connection_t *, int)
    pn_link_t *pn_link_next(pn_link_t *, int)
    void pn_link_open(pn_link_t *)
    void pn_link_close(pn_link_t *)
    pn_condition_t *pn_link_condition(pn_link_t *)
    pn_condition_t *pn_link_remote_condition(pn_link_t *)
    pn_terminus_t *pn_link_source(pn_link_t *)
    pn_terminus_t *pn_link_target(pn_link_t *)
    pn_terminus_t *pn_link_remote_source(pn_link_t *)
    pn_terminus_t *pn_link_remote_target(pn_link_t *)
    pn_delivery_t *pn_link_current(pn_link_t *)
    bint pn_link_advance(pn_link_t *)
    int pn_link_credit(pn_link_t *)
    int pn_link_queued(pn_link_t *)
    bint pn_link_get_drain(pn_link_t *)
    int pn_link_drained(pn_link_t *)
    void pn_link_drain(pn_link_t *, int)
    void pn_link_flow(pn_link_t *, int)
    void pn_link_set_drain(pn_link_t *, bint)
    void pn_link_offered(pn_link_t *, int)
    ssize_t pn_link_send(pn_link_t *, const char *, size_t)
    ssize_t pn_link_recv(pn_link_t *, char *, size_t)
    int pn_link_snd_settle_mode(pn_link_t *)
    int pn_link_remote_snd_settle_mode(pn_link_t *)
    int pn_link_remote_rcv_settle_mode(pn_link_t *)
    void pn_link_set_snd_settle_mode(pn_link_t *, int)
    void pn_link_set_rcv_settle_mode(pn_link_t *, int)
    uint64_t pn_link_remote_max_message_size(pn_link_t *)
    void pn_link_set_max_message_size(pn_link_t *, uint64_t)
    pn_data_t *pn_link_properties(pn_link_t *)
    pn_data_t *pn_link_remote_properties(pn_link_t *)
    int pn_terminus_get_type(pn_terminus_t *)
    int pn_terminus_set_type(pn_terminus_t *, int)
    const char *pn_terminus_get_address(pn_terminus_t *)
    int pn_terminus_set_address(pn_terminus_t *, const char *)
    int pn_terminus_get_durability(pn_terminus_t *)
    int pn_terminus_set_durability(pn_terminus_t *, int)
    int pn_terminus_get_expiry_policy(pn_terminus_t *)
    int pn_terminus_set_expiry_policy(pn_terminus_t *, int)
    uint32_t pn_terminus_get_timeout(pn_terminus_t *)
    int pn_terminus_set_timeout(pn_terminus_t *, uint32_t)
    bint pn_terminus_is_dynamic(pn_terminus_t *)
    int pn_terminus_set_dynamic(pn_terminus_t *, bint)
    int pn_terminus_get_distribution_mode(const pn_terminus_t *)
    int pn_terminus_set_distribution_mode(pn_terminus_t *, int)
    pn_data_t *pn_terminus_properties(pn_terminus_t *)
    pn_data_t *pn_terminus_capabilities(pn_terminus_t *)
    pn_data_t *pn_terminus_outcomes(pn_terminus_t *)
    pn_data_t *pn_terminus_filter(pn_terminus_t *)
    int pn_terminus_copy(pn_terminus_t *, pn_terminus_t *)
    pn_delivery_t *pn_delivery(pn_link_t *, pn_bytes_t)
    void pn_delivery_set_context(pn_delivery_t *, void *)
    void *pn_delivery_get_context(pn_delivery_t *)
    pn_link_t *pn_delivery_link(pn_delivery_t *)
    pn_disposition_t *pn_delivery_local(pn_delivery_t *)
    pn_disposition_t *pn_delivery_remote(pn_delivery_t *)
    uint64_t pn_delivery_local_state(pn_delivery_t *)
    uint64_t pn_delivery_remote_state(pn_delivery_t *)
    bint pn_delivery_settled(pn_delivery_t *)
    size_t pn_delivery_pending(pn_delivery_t *)
    bint pn_delivery_partial(pn_delivery_t *)
    bint pn_delivery_aborted(pn_delivery_t *)
    bint pn_delivery_updated(pn_delivery_t *)
    void pn_delivery_clear(pn_delivery_t *)
    void pn_delivery_update(pn_delivery_t *, uint64_t)
    void pn_delivery_abort(pn_delivery_t *)
    void pn_delivery_settle(pn_delivery_t *)
    pn_condition_t *pn_disposition_condition(pn_disposition_t *)
    pn_data_t *pn_disposition_data(pn_disposition_t *)
    uint32_t pn_disposition_get_section_number(pn_disposition_t *)
    void pn_disposition_set_section_number(pn_disposition_t *, uint32_t)
    uint64_t pn_disposition_get_section_offset(pn_disposition_t *)
    void pn_disposition_set_section_offset(pn_disposition_t *, uint64_t)
    bint pn_disposition_is_failed(pn_disposition_t *)
    void pn_disposition_set_failed(pn_disposition_t *, bint)
    bint pn_disposition_is_undeliverable(pn_disposition_t *)
    void pn_disposition_set_undeliverable(pn_disposition_t *, bint)
    pn_data_t *pn_disposition_annotations(pn_disposition_t *)
    bint pn_condition_is_set(pn_condition_t *)
    void pn_condition_clear(pn_condition_t *)
    const char *pn_condition_get_name(pn_condition_t *)
    int pn_condition_set_name(pn_condition_t *, const char *)
    const char *pn_condition_get_description(pn_condition_t *)
    int pn_condition_set_description(pn_condition_t *, const char *)
    pn_data_t *pn_condition_info(pn_condition_t *)
    int pn_condition_copy(pn_condition_t *, pn_condition_t *)
    size_t pn_data_size(pn_data_t *)
    int pn_data_copy(pn_data_t *, pn_data_t *)
    void pn_data_clear(pn_data_t *)
    void pn_data_rewind(pn_data_t *)
    ssize_t pn_data_encoded_size(pn_data_t *)
    ssize_t pn_data_encode(pn_data_t *, char *, size_t)
    ssize_t pn_data_decode(pn_data_t *, const char *, size_t)
