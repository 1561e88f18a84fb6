"""What follows when a password was replaced, or sessions have ended, in the database."""

from collections.abc import Sequence

from photo_pipeline.api.services import Services
from photo_pipeline.domain.customers import Customer, EndedSession
from photo_pipeline.domain.mail import Mail


def note_ended(services: Services, ended: Sequence[EndedSession]) -> None:
    """Refuse those sessions here from now on, and have what they hear of outcomes end."""
    for session in ended:
        services.ended_sessions.note(session.session_id, session.forget_at)
    services.hub.wake()


def password_replaced(services: Services, customer: Customer, ended: Sequence[EndedSession]) -> None:
    """End those sessions, and tell the customer by mail, where there is any: it may have been somebody else."""
    note_ended(services, ended)

    async def written() -> Mail:
        return services.letters.replaced(customer.email, services.clock.now())

    services.posting.post(written)
