"""Why a contact was allowed or refused, in sentences for collections staff and debtors: each rule with its facts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from policy.calendar import holiday_name
from policy.decision import ZONE_UNKNOWN, Decision, decide
from policy.languages import WORDINGS, Language
from policy.open_minutes import allowed_minutes, heeding
from policy.pack import Pack
from policy.person import NOBODY_SPOKE, PERSON_HOURS
from policy.plan import LogEntry, LogRule, local_log, plan_for
from policy.query import LoggedContact, Query
from policy.rules import (
    AuthorisedChannels,
    Cap,
    ChannelLock,
    ClosedDays,
    ConversationLock,
    ExemptPurposes,
    ForbiddenChannels,
    OwnRequestRule,
    Roles,
    Rule,
    Window,
)
from policy.vocabulary import CHANNELS
from policy.wording import Wording
from policy.zones import zone_info

_MOST_FACTS = 2
"""How many local times of a rule are told in full."""


def explain(packs: Sequence[Pack], query: Query, decision: Decision, language: Language) -> str:
    """A decision in sentences: all blocking rules with their facts, ids and sources, then when it would be allowed.

    `packs` and `query` are those that were decided on. A permission says what it rests on: the packs, and the rule
    that exempts the purpose, or the person's own request, where the contact would else be refused. Sources and
    holidays stand as in the pack. The same arguments give the same text. Errors: those of `decide`.
    """
    return _Explanation(packs, query, WORDINGS[language]).text(decision)


@dataclass(frozen=True, slots=True)
class _Place:
    """A pack in one of the zones: the local time there, and the rules that block."""

    pack: Pack
    zone: str
    now: datetime
    rules: tuple[str, ...]

    @property
    def today(self) -> int:
        return self.now.toordinal()


class _Explanation:
    def __init__(self, packs: Sequence[Pack], query: Query, words: Wording) -> None:
        self.query = query
        self.words = words
        self.zones = tuple(dict.fromkeys(query.zones))
        self.rules = {pack: decide([pack], query).rules for pack in packs}
        self.places = [
            _Place(
                pack, zone, query.at.astimezone(zone_info(zone)), decide([pack], replace(query, zones=(zone,))).rules
            )
            for pack in self.rules
            for zone in self.zones
        ]

    def text(self, decision: Decision) -> str:
        words = self.words
        bases = [f"{basis.pack} {basis.version}" for basis in dict.fromkeys(decision.basis)]
        packs = (words.pack if len(bases) == 1 else words.packs).format(packs=words.all_of(bases))
        if decision.allowed:
            channel = words.channels[self.query.channel]
            allowed = words.allowed.format(instant=self._instant(self.query.at), channel=channel)
            return " ".join([allowed, *self._grounds(), packs])
        reasons = dict.fromkeys(reason for rule_id in decision.rules for reason in self._reasons(rule_id) or [rule_id])
        return " ".join([words.refused.format(reasons=words.also.join(reasons)), self._prospect(decision), packs])

    def _prospect(self, decision: Decision) -> str:
        if decision.next_allowed_at is not None:
            return self.words.next_allowed.format(instant=self._instant(decision.next_allowed_at))
        timed = {PERSON_HOURS} | {
            rule.id
            for pack in self.rules
            for rule in pack.rules
            if isinstance(rule, Window | ClosedDays | Cap | ChannelLock | ConversationLock)
        }
        return self.words.no_common_time if timed.issuperset(decision.rules) else self.words.never

    def _instant(self, instant: datetime) -> str:
        seen: dict[datetime, list[str]] = {}
        for zone in self.zones:
            seen.setdefault(instant.astimezone(zone_info(zone)).replace(tzinfo=None), []).append(zone)
        return self.words.instant(seen.items())

    def _grounds(self) -> Iterator[str]:
        """What allows a contact that would else be refused."""
        words, query = self.words, self.query
        plain = replace(query, purpose="collection", person=NOBODY_SPOKE)
        unasked = replace(query, person=replace(query.person, requests=()))
        for pack in self.rules:
            for rule in pack.rules:
                source = f"{rule.id}, {rule.source}"
                if isinstance(rule, ExemptPurposes) and query.purpose in rule.purposes:
                    freed = [rule_id for rule_id in decide([pack], plain).rules if rule_id in rule.free_of]
                    if freed:
                        purpose = words.purposes[query.purpose]
                        yield words.exempt.format(purpose=purpose, rules=words.all_of(freed), source=source)
                if isinstance(rule, OwnRequestRule):
                    widened = [rule_id for rule_id in decide([pack], unasked).rules if rule_id in rule.widens]
                    if widened:
                        yield words.asked_for.format(rules=words.all_of(widened), source=source)

    def _reasons(self, rule_id: str) -> list[str]:
        """Why the rule blocks, once for each pack that has it, with its id and source."""
        if rule_id == ZONE_UNKNOWN:
            return [f"{self.words.zone_unknown} ({rule_id})"]
        if rule_id in self.words.person:
            return [f"{self.words.person[rule_id]} ({rule_id})"]
        if rule_id == PERSON_HOURS:
            places = [place for place in self.places if rule_id in place.rules]
            return [f"{self._told(places, self._preferred)} ({rule_id})"]
        return [
            f"{self._fact(pack, rule)} ({rule_id}, {rule.source})"
            for pack, blocking in self.rules.items()
            for rule in pack.rules
            if rule.id == rule_id in blocking
        ]

    def _fact(self, pack: Pack, rule: Rule) -> str:
        words, query = self.words, self.query
        places = [place for place in self.places if place.pack is pack and rule.id in place.rules]
        match rule:
            case AuthorisedChannels():
                authorised = words.channel_names(query.authorised_channels)
                sentence = words.not_authorised if authorised else words.none_authorised
                return sentence.format(channel=words.channels[query.channel], channels=words.all_of(authorised))
            case Roles():
                roles = words.one_of([words.roles[role] for role in rule.roles])
                return words.role.format(role=words.roles[query.role], roles=roles)
            case ForbiddenChannels():
                return words.forbidden.format(channel=words.channels[query.channel])
            case Window() | ClosedDays():
                return self._told(places, lambda place: self._closed(place, rule))
            case Cap():
                return self._logged(places, lambda place: self._capped(place, rule))
            case _:  # the locks: no other kind blocks
                return self._logged(places, lambda place: self._locked(place, rule))

    def _told(self, places: Sequence[_Place], fact: Callable[[_Place], str]) -> str:
        """A fact that tells the time, always with its zones."""
        return self._by_zone(self.words.in_zones, places, fact)

    def _logged(self, places: Sequence[_Place], fact: Callable[[_Place], str]) -> str:
        """A fact of the log, with its zones where there are several."""
        return self._by_zone(self.words.by_the_clock_of if len(self.zones) > 1 else "{clause}", places, fact)

    def _by_zone(self, sentence: str, places: Sequence[_Place], fact: Callable[[_Place], str]) -> str:
        """Each fact once, with the zones in which it holds; where they are many, only the zones of the rest."""
        found: dict[str, dict[str, None]] = {}
        for place in places:
            found.setdefault(fact(place), {})[place.zone] = None
        told = [
            sentence.format(zones=self.words.zone_names(tuple(zones)), clause=clause)
            for clause, zones in list(found.items())[:_MOST_FACTS]
        ]
        if rest := [zone for zones in list(found.values())[_MOST_FACTS:] for zone in zones]:
            told.append(self.words.also_in.format(zones=self.words.zone_names(rest)))
        return "; ".join(told)

    def _closed(self, place: _Place, rule: Window | ClosedDays) -> str:
        words, today = self.words, place.now.date()
        if hours := self._allowed_hours(place, rule.id):
            return words.outside_hours.format(time=words.named_time(place.now), hours=hours)
        day = words.named_date(today, place.now)
        holiday = holiday_name(place.pack, today) if "holidays" in rule.closed else None
        if holiday:
            return words.closed_holiday.format(date=day, holiday=holiday)
        return words.closed_weekday.format(date=day, weekday=words.weekday(today))

    def _preferred(self, place: _Place) -> str:
        hours = self._allowed_hours(place, PERSON_HOURS)
        day = self.words.named_date(place.now.date(), place.now)
        sentence = self.words.other_hours if hours else self.words.other_days
        return sentence.format(time=self.words.named_time(place.now), date=day, hours=hours)

    def _allowed_hours(self, place: _Place, rule_id: str) -> str:
        """What the rule leaves open on this local date, in words; empty where it leaves nothing."""
        calendar = plan_for(place.pack, self.query.channel, self.query.purpose).calendar
        calendar = heeding(calendar, self.query.person, self.query.purpose, self.query.channel)
        return self.words.named_hours(dict(allowed_minutes(calendar, place.today))[rule_id])

    def _capped(self, place: _Place, cap: Cap) -> str:
        words = self.words
        limit, *pauses = self._log_rules(place, cap)  # a cap's own limit stands first, its pause behind
        log = self._log(place)
        is_full = limit.free_from(log) > place.today
        counted = self._counted(place, limit if is_full else pauses[0])
        latest = self._latest(place, counted)
        paused = max((pause.free_from(log) for pause in pauses), default=0)
        day = self._last_day(place, paused) if paused > place.today else ""
        if not is_full:
            return words.pause.format(latest=latest, day=day)
        by = ""
        if limit.channels != CHANNELS:
            by = words.by_channels.format(channels=words.one_of(words.channel_names(limit.channels)))
        if cap.limit > 1:
            during = words.during[cap.period]
            fact = words.full.format(count=len(counted), by=by, during=during, limit=cap.limit, latest=latest)
        else:
            fact = words.contacted.format(latest=latest)
            if by or cap.period != "day":
                fact += words.one_contact.format(by=by, each=words.each[cap.period])
        return fact + (words.pause_after.format(day=day) if day else "")

    def _locked(self, place: _Place, rule: Rule) -> str:
        (lock,) = self._log_rules(place, rule)
        latest = self._latest(place, self._counted(place, lock))
        day = self._last_day(place, lock.free_from(self._log(place)))
        sentence = self.words.other_channel if isinstance(rule, ChannelLock) else self.words.conversation
        channels = self.words.one_of(self.words.channel_names(lock.channels))
        return sentence.format(latest=latest, day=day, channels=channels)

    def _log_rules(self, place: _Place, rule: Rule) -> list[LogRule]:
        plan = plan_for(place.pack, self.query.channel, self.query.purpose)
        return [found for found in plan.log_rules if found.id == rule.id]

    def _log(self, place: _Place) -> list[LogEntry]:
        return local_log(self.query.contacts, place.zone)

    def _counted(self, place: _Place, rule: LogRule) -> list[LoggedContact]:
        """The contacts that count at present: each would block if one alone were too many."""
        alone = replace(rule, limit=1)
        return [c for c in self.query.contacts if alone.free_from(local_log((c,), place.zone)) > place.today]

    def _latest(self, place: _Place, counted: Sequence[LoggedContact]) -> str:
        latest = max(counted, key=lambda contact: (contact.at, contact.channel))
        return self.words.named_contact(latest.at.astimezone(zone_info(place.zone)), latest.channel, place.now)

    def _last_day(self, place: _Place, free_from: int) -> str:
        return self.words.last_day(date.fromordinal(free_from - 1), place.now)
