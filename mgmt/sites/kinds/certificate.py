"""Certificate: credentials that the user wants us to make."""

from __future__ import annotations

from skrouter.config.resources.certificate import Certificate
from skrouter.mgmt.sites.certificates import Issued, Issuer
from skrouter.mgmt.sites.parts import Context, Parts


def contribute(certificate: Certificate, context: Context, parts: Parts) -> None:
    """A CA, or a certificate that is signed by one of ours."""
    spec, wanted = certificate.spec, parts.certificates
    if spec.signing:
        wanted.issuers[certificate.name] = Issuer(certificate.name, spec.subject)
        return
    if not spec.ca:
        parts.refuse(certificate, 'CA "" not found')
        return
    wanted.issued[certificate.name] = Issued(certificate.name, spec.ca, spec.subject, frozenset(spec.hosts))
    if spec.ca not in wanted.issuers and spec.ca not in context.observed.provided_issuers:
        parts.refuse(certificate, f'CA "{context.setting.namespace}/{spec.ca}" not found')
