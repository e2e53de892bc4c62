"""Decides what may be shown: the strongest render within its fidelity budget, and why no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.figures import compare_figures
from features.images import decode
from features.matting import Mask
from features.schema import ORIGINAL, ContractError
from styletransfer.config import FidelityBudget
from styletransfer.faithful.compose import DEFAULT_COMPOSE, ComposeConfig, Composer, Mode
from styletransfer.faithful.grade import LookPalette, look_palette
from styletransfer.faithful.plate import take_apart
from styletransfer.fidelity import FidelityMeter, FidelityReport, LookColours

JUDGE_REVISION: Final = 4
"""Goes up when the same render may be judged otherwise than before."""
_MODES: Final = ("faithful", "accent", "artistic", ORIGINAL)
# Shares of the asked strength that are tried, strongest first, each with the share of the product's
# own grade; weaker grades are tried where nothing but the product's colours stood in the way. A
# look that is spread thinner than this is not recognised any more.
_STEPS: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "faithful": ((1.0, 1.0), (1.0, 0.4), (0.7, 1.0)),
    # In a set the product keeps its own colours: it stands there in the photo's own light. A set is
    # shown as asked for or not at all, since two grounds that show through each other look wrong.
    "set": ((1.0, 0.0),),
    "accent": ((1.0, 1.0), (0.7, 1.0), (0.4, 1.0), (0.2, 1.0)),
    "artistic": ((1.0, 1.0),),
}
_RANK: Final = "identity rank"
_DELTA_E: Final = "mean delta-E inside"
_DELTA_E_P95: Final = "95th percentile delta-E inside"
_COLOUR_MEASURES: Final = (_DELTA_E, _DELTA_E_P95)
# Of the budget, what the composition may spend: a JPEG file of quality 90 takes most of the rest.
_GRADE_SHARE: Final = 0.65
# Nearer than this, in Lab units, a palette has arrived, however near the photo's own was before.
_ARRIVED: Final = 7.0


CATALOGUE: Final = FidelityBudget()
"""For pictures a product is sold from."""


class Failure(NamedTuple):
    """One figure outside its limit."""

    measure: str
    got: float
    allowed: float
    at_most: bool

    def __str__(self) -> str:
        side = "at most" if self.at_most else "at least"
        got, allowed = compare_figures(self.got, self.allowed)
        return f"{self.measure} {got}, {side} {allowed} allowed"


def failures(report: FidelityReport, budget: FidelityBudget) -> tuple[Failure, ...]:
    """The figures of `report` outside `budget`: over-styled where there are any."""
    loss = report.silhouette_original - report.silhouette
    figures = (
        (_DELTA_E, report.delta_e, budget.max_delta_e, True),
        (_DELTA_E_P95, report.delta_e_p95, budget.max_delta_e_p95, True),
        ("SSIM inside", report.ssim, budget.min_ssim, False),
        ("edges kept", report.edge_f1, budget.min_edge_f1, False),
        ("outline lost", loss, budget.max_silhouette_loss, True),
        (_RANK, report.identity_rank, budget.max_identity_rank, True),
        ("text kept", report.text, budget.min_text, False),
    )
    return tuple(
        Failure(name, float(got), float(allowed), at_most)
        for name, got, allowed, at_most in figures
        if got is not None and (got > allowed if at_most else got < allowed)
    )


@dataclass(frozen=True, eq=False)
class LookAnchor:
    """What composing and judging need of a look's picture; made once per look by `look_anchor`."""

    palette: LookPalette
    colours: LookColours


def look_anchor(look: NDArray[np.uint8]) -> LookAnchor:
    """Anchor of a look's picture (h, w, 3) uint8 sRGB."""
    return LookAnchor(look_palette(look), LookColours(look))


@dataclass(frozen=True, eq=False)
class Served:
    """What is shown: picture uint8 (h, w, 3), its mode, and the share of the strength asked for.

    `report` is None for the original. `reasons` says in words what was refused and why. `encoded`
    is the picture's file, where one was asked for and anything was restyled.
    """

    picture: NDArray[np.uint8]
    mode: Mode
    amount: float
    report: FidelityReport | None
    reasons: tuple[str, ...]
    encoded: bytes | None = None


class PlacedSet(NamedTuple):
    """A set behind the product: colours float32 (h, w, 3) in about 0..1, and how far it is shown.

    `share` in 0..1 is how far it replaces the photo's own ground.
    """

    colours: NDArray[np.float32]
    share: float


Publish = Callable[[NDArray[np.uint8]], bytes]
Recognise = Callable[[NDArray[np.uint8]], int]
ReadAlike = Callable[[NDArray[np.uint8]], float | None]


class ItemGate:
    """Serves one item's picture in many looks.

    `plate` is the picture taken apart, `refusal` says in words why the faithful mode is not to be
    had for it, and is empty where it is.
    """

    def __init__(
        self,
        picture: NDArray[np.uint8],
        mask: Mask,
        budget: FidelityBudget = CATALOGUE,
        compose: ComposeConfig = DEFAULT_COMPOSE,
        recognise: Recognise | None = None,
        read_alike: ReadAlike | None = None,
        original: NDArray[np.uint8] | None = None,
    ) -> None:
        """Take the picture apart.

        Args:
            picture: uint8 (h, w, 3) sRGB at the renders' size.
            mask: the product, of the same size.
            budget: limits; the grade's strength follows from `max_delta_e`.
            compose: the rest of the composition.
            recognise: rank of the item in the catalogue for a render; none: not measured.
            read_alike: share of the words on the product read alike in a render; likewise.
            original: the photo as it came, where `picture` is a repaired one: what renders are
                measured against, and what is served as the original.
        """
        self._picture = picture
        self._original = picture if original is None else original
        self._budget = budget
        self._recognise = recognise
        self._read_alike = read_alike
        self.plate = take_apart(picture, mask.alpha)
        self.refusal = find_refusal(self.plate.alpha, mask.confidence, budget)
        goal = replace(compose, mean_delta_e=_GRADE_SHARE * budget.max_delta_e)
        self._composer = Composer(self.plate, goal)
        # A mask that is not trusted must not decide where the product is looked at either.
        alpha = np.zeros_like(mask.alpha) if self.refusal else mask.alpha
        self._meter = FidelityMeter(self._original, alpha)

    def serve(
        self,
        mode: Mode,
        paint: NDArray[np.uint8] | None,
        look: LookAnchor,
        publish: Publish | None = None,
        placed: PlacedSet | None = None,
    ) -> Served:
        """The strongest picture within the budget and in a look that shows, else the original.

        Args:
            mode: what is asked for. Artistic repaints the product on purpose: it is measured, not
                refused.
            paint: uint8 (h, w, 3); for artistic the painted picture, for faithful the painted
                background unless a set is `placed`; not used by the other modes.
            look: the look's anchor.
            publish: makes a render's file, watermark and loss included; what a shopper's browser
                will decode of it is then judged in place of the render's own pixels.
            placed: a set for the faithful mode, in place of paint.

        Raises:
            ContractError: an unknown mode, or no paint for a mode that needs one.
        """
        if mode not in _MODES:
            raise ContractError(f"mode {mode!r} is unknown: expected one of {', '.join(_MODES)}")
        reasons: list[str] = []
        if mode == "faithful" and self.refusal:
            reasons.append(f"faithful: {self.refusal}")
        elif mode != ORIGINAL:
            around = None
            if mode == "faithful":
                around = placed.colours if placed else self._finish(paint, look)
            elif mode == "accent" and not self.refusal:
                around = self._composer.recolour(look.palette)
            share = placed.share if placed and mode == "faithful" else None
            served = self._strongest(mode, paint, around, share, look, reasons, publish)
            if served is not None:
                return served
        return Served(self._original, ORIGINAL, 0.0, None, tuple(reasons))

    def _strongest(
        self,
        mode: Mode,
        paint: NDArray[np.uint8] | None,
        surroundings: NDArray[np.float32] | None,
        set_share: float | None,
        look: LookAnchor,
        reasons: list[str],
        publish: Publish | None,
    ) -> Served | None:
        """The first step that passes; adds the failures of those before it to `reasons`."""
        only_colours, tried = False, 0.0
        for amount, grade in _STEPS[mode if set_share is None else "set"]:
            if amount == tried and not only_colours:
                continue
            tried = amount
            render = self._compose(mode, paint, surroundings, look, amount, grade)
            if mode == "accent" and np.array_equal(render, self._picture):
                reasons.append("accent: the budget leaves no room for any change")
                return None
            encoded = None if publish is None else publish(render)
            shown = render if encoded is None else decode(encoded)
            report = self._meter.measure(shown, look.colours)
            failed = failures(report, self._budget)
            if mode == "artistic":
                failed = ()
            elif not failed:
                report = self._with_judges(shown, report)
                failed = failures(report, self._budget)
            if not failed:
                share = None if set_share is None else amount * set_share
                missing = missing_look(report, share, self._budget)
                if not missing:
                    return Served(render, mode, amount, report, tuple(reasons), encoded)
                reasons.append(f"{mode} at {amount:g}: little of the look arrived, {missing}")
                return None
            only_colours = all(one.measure in _COLOUR_MEASURES for one in failed)
            weaker = ", product's own grade weaker" if 0.0 < grade < 1.0 else ""
            reasons.append(f"{mode} at {amount:g}{weaker}: " + "; ".join(map(str, failed)))
        return None

    def _compose(
        self,
        mode: Mode,
        paint: NDArray[np.uint8] | None,
        surroundings: NDArray[np.float32] | None,
        look: LookAnchor,
        amount: float,
        grade: float,
    ) -> NDArray[np.uint8]:
        if surroundings is not None:
            return self._composer.faithful(surroundings, look.palette, amount, grade)
        if mode == "accent":
            return self._composer.accent(look.palette, amount)
        return self._composer.artistic(_require(paint, mode), look.palette, amount)

    def _finish(self, paint: NDArray[np.uint8] | None, look: LookAnchor) -> NDArray[np.float32]:
        return self._composer.finish_paint(_require(paint, "faithful"), look.palette)

    def _with_judges(self, render: NDArray[np.uint8], report: FidelityReport) -> FidelityReport:
        """Add the slow measures, which only a picture that passed the quick ones is worth."""
        rank = self._recognise(render) if self._recognise is not None else None
        text = self._read_alike(render) if self._read_alike is not None else None
        return replace(report, identity_rank=rank, text=text)


def find_refusal(alpha: NDArray[np.float32], confidence: float, budget: FidelityBudget) -> str:
    """Why a picture is not to be shown faithfully, in words; empty where it is.

    `alpha` (h, w) is the product's mask, `confidence` how far that is trusted.
    """
    if not (alpha >= 0.5).any():
        return "no product was found in the photo"
    if confidence < budget.min_mask_confidence:
        got, least = compare_figures(confidence, budget.min_mask_confidence)
        return f"mask confidence {got}, at least {least} required"
    free = float((alpha < 0.05).mean())
    if free < budget.min_surroundings:
        got, least = compare_figures(100 * free, 100 * budget.min_surroundings, 1)
        return (
            f"the product leaves {got} % of the photo to its surroundings, at least {least} % "
            "required"
        )
    return ""


def missing_look(report: FidelityReport, set_share: float | None, budget: FidelityBudget) -> str:
    """Why nobody would recognise the look, in words; empty where it shows.

    `set_share` is how far a set replaces the photo's ground, None where that is painted.
    """
    if set_share is not None:
        if set_share >= budget.least_set_share:
            return ""
        got, least = compare_figures(set_share, budget.least_set_share)
        return f"its set at {got}, at least {least} required"
    if report.arrival is None or report.look_distance is None:
        return ""
    if report.arrival >= budget.least_arrival or report.look_distance <= _ARRIVED:
        return ""
    got, least = compare_figures(report.arrival, budget.least_arrival)
    return f"{got} of its colours, at least {least} required"


def _require(paint: NDArray[np.uint8] | None, mode: Mode) -> NDArray[np.uint8]:
    if paint is None:
        raise ContractError(f"mode {mode!r} needs the generator's paint, got none")
    return paint
