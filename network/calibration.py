"""Fits path loss, shadowing, tilt and load to what was measured on the road.

What a phone or car measured says neither whether it saw the mast nor how the cells were heard that
did not serve it, which were weaker. So a row's likelihood is that of two states, in sight of the
mast or out of it, with the probability of either known beforehand (from buildings, or from the
scenario); in each the loss lies around a line over the logarithm of the distance, and the other
sites' cells are weaker than the serving one by the handover's margin. Without the last part the fit
would take for the rule what is but the best of several: it would find less loss than there is.

Uncertainties are those of the sandwich over stretches of road (White 1982; Liang and Zeger 1986),
within which shadowing is alike: rows are many, places few.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit, least_squares, minimize, minimize_scalar
from scipy.special import logsumexp, ndtr

from network.arrays import Bools, Floats, Ints
from network.radio.channel import Cells, Sight
from network.radio.log_distance import LogDistance, MeasuredLoss
from network.radio.propagation import (
    CORRELATION_DISTANCES,
    Scenario,
    los_probability,
    path_losses_db,
    sigmas_db,
)
from network.radio.shadowing import SITE_CORRELATION

FOLDS = 5
"""Parts of a drive that are left out in turn."""

LEAST_ROWS = 50
"""Fewer measurements than this are refused."""

# Lines are told by their slope and their level at 300 m, which hardly depend on one another.
_LEVEL_DECADES = 10.0 * math.log10(300.0)
_EXPONENTS = (0.5, 8.0)
_LOG_SIGMAS = (math.log(0.5), math.log(20.0))
_TILT_STEP_DEG = 1.0
_TILTS_DEG = np.arange(-8.0, 8.0 + _TILT_STEP_DEG, _TILT_STEP_DEG)
_RIVALS = 5
_SURE = 1e-3
_TINY = 1e-12
_NODES = 15
_BLOCK_M = 200.0
_PLACING_ROUNDS = 3
_STANDING_M = 5.0
_LAG_M, _LAG_ROWS = 300.0, 60
_LEAST_PAIRS = 200


class Measurements(NamedTuple):
    """What was measured where, a row each, in the order of the drive.

    Attributes:
        drive: Number of the drive or vehicle that a row belongs to (n,).
        x_m: Where (n,) [m].
        y_m: Where (n,) [m].
        height_m: Height of the antenna above ground (n,) [m].
        cell: Number of the cell (n,).
        rsrp_dbm: Its RSRP (n,) [dBm].
        sinr_db: SINR in it (n,) [dB], NaN where it wasn't measured.
    """

    drive: Ints
    x_m: Floats
    y_m: Floats
    height_m: Floats
    cell: Ints
    rsrp_dbm: Floats
    sinr_db: Floats

    def only(self, rows: Bools | Ints) -> Measurements:
        """Return some of the rows."""
        drive, x_m, y_m, height_m, cell, rsrp_dbm, sinr_db = self
        return Measurements(
            drive[rows],
            x_m[rows],
            y_m[rows],
            height_m[rows],
            cell[rows],
            rsrp_dbm[rows],
            sinr_db[rows],
        )

    def on_the_move(self) -> Measurements:
        """Return the rows without those within 5 m of the one before: they say the same again."""
        kept = np.zeros(len(self.x_m), dtype=bool)
        last: dict[tuple[int, int], tuple[float, float]] = {}
        rows = zip(self.drive, self.cell, self.x_m, self.y_m, strict=True)
        for row, (drive, cell, x_m, y_m) in enumerate(rows):
            before = last.get((drive, cell))
            if before is None or np.hypot(x_m - before[0], y_m - before[1]) >= _STANDING_M:
                kept[row] = True
                last[drive, cell] = x_m, y_m
        return self.only(kept)

    @property
    def is_scan(self) -> bool:
        """Whether several cells were measured at one place as a rule, as a scanner does."""
        places = np.stack([self.drive, self.x_m, self.y_m], axis=1)
        cells = np.column_stack([places, self.cell])
        return len(np.unique(cells, axis=0)) > 1.5 * len(np.unique(places, axis=0))

    def blocks(self) -> Ints:
        """Return the number of each row's stretch of road: 200 m of one drive (n,)."""
        step_m = np.hypot(
            np.diff(self.x_m, prepend=self.x_m[0]), np.diff(self.y_m, prepend=self.y_m[0])
        )
        anew = np.diff(self.drive, prepend=self.drive[0]) != 0
        step_m[anew] = 0.0
        stretch = np.floor(np.cumsum(step_m) / _BLOCK_M).astype(np.int64)
        names = np.stack([self.drive, stretch], axis=1)
        return np.unique(names, axis=0, return_inverse=True)[1].reshape(-1)


class Network(NamedTuple):
    """What is known of the network before.

    Attributes:
        cells: Where its cells are.
        element_power_dbm: Power of each cell in one resource element (cells,) [dBm].
        noise_dbm: Noise of a receiver in one resource element [dBm].
        ue_gain_dbi: Gain of the antenna that measured [dBi].
        scenario: Propagation scenario of TR 38.901.
        carrier_ghz: Carrier frequency [GHz].
        sight: Line of sight by geometry; by the scenario's probability if None.
        margin_db: How much stronger than the serving cell another may be [dB], such as A3's offset
            and hysteresis; None where nothing follows from which cell was measured.
    """

    cells: Cells
    element_power_dbm: Floats
    noise_dbm: float
    ue_gain_dbi: float
    scenario: Scenario
    carrier_ghz: float
    sight: Sight | None
    margin_db: float | None


class Parameters(NamedTuple):
    """What is fitted, or how sure it is."""

    loss: MeasuredLoss
    tilt_offset_deg: float
    """What all cells' tilts are off by [deg]."""


@dataclass(frozen=True)
class Calibration:
    """What came of it.

    Attributes:
        fitted: The parameters.
        deviations: One standard deviation of each; correlation distances have none, and a tilt that
            the measurements say nothing of has 0.
        in_state: How many measurements speak for either state, in sight and out of it.
        prb_utilisation: How busy the other cells are, by the SINR; None without SINR.
        error_before_db: Root mean square error of predicted RSRP [dB]: the scenario's formulas.
        error_after_db: The same with what is fitted to the other parts of the drive.
        rows: The measurements that were used.
        before_dbm: RSRP predicted by the scenario's formulas, for each of them [dBm].
        after_dbm: RSRP predicted for each by what was fitted to the other parts [dBm].
        distance_m: Distance to the mast of each of them [m].
        loss_db: Path loss of each, with shadowing [dB].
    """

    fitted: Parameters
    deviations: Parameters
    in_state: tuple[float, float]
    prb_utilisation: float | None
    error_before_db: float
    error_after_db: float
    rows: Measurements
    before_dbm: Floats
    after_dbm: Floats
    distance_m: Floats
    loss_db: Floats


def calibrate(
    measurements: Measurements, network: Network, *, on_step: Callable[[], None] = lambda: None
) -> Calibration:
    """Fit the link's parameters to measurements.

    Args:
        measurements: What was measured where.
        network: What is known of the network.
        on_step: Called after each of at most `STEPS` parts of the work.

    Raises:
        ValueError: Too few measurements.
    """
    if measurements.is_scan:
        network = network._replace(margin_db=None)
    measured = measurements.on_the_move()
    if len(measured.x_m) < LEAST_ROWS:
        raise ValueError(
            f"{len(measured.x_m)} measurements at different places; expected at least {LEAST_ROWS}"
        )
    heard = _Heard.of(measured, network)
    start = _start(heard, network)
    vector = _fit(heard, start, with_tilt=False)
    on_step()
    # Cells that radiate alike all around have no tilt to speak of.
    tilted = vector
    if not np.isnan(network.cells.azimuth_rad).all():
        tilted = _fit(heard, _near_best_tilt(heard, vector, on_step), with_tilt=True)
    # The Bayesian information criterion: a tilt that explains no more than chance would is none.
    gained = _log_likelihoods(tilted, heard).sum() - _log_likelihoods(vector, heard).sum()
    with_tilt = bool(2.0 * gained > np.log(len(measured.x_m)))
    vector = tilted if with_tilt else vector
    block = measured.blocks()
    deviations = _deviations(vector, heard, block, with_tilt=with_tilt)
    on_step()
    share = _shares(vector, heard)
    after_dbm = _held_out_dbm(heard, block, vector, with_tilt=with_tilt, on_step=on_step)
    before_dbm = _expected_dbm(heard, _scenario_states(heard, network))
    fitted = _with_correlation(measured, heard, vector, share, network.scenario)
    in_sight, blocked = share.sum(axis=0)
    return Calibration(
        fitted=fitted,
        deviations=deviations,
        in_state=(float(in_sight), float(blocked)),
        prb_utilisation=_utilisation(measured, network, fitted),
        error_before_db=_rms(before_dbm - measured.rsrp_dbm),
        error_after_db=_rms(after_dbm - measured.rsrp_dbm),
        rows=measured,
        before_dbm=before_dbm,
        after_dbm=after_dbm,
        distance_m=heard.distance_m[:, 0],
        loss_db=heard.budget_dbm(fitted.tilt_offset_deg)[:, 0] - measured.rsrp_dbm,
    )


STEPS = 2 + len(_TILTS_DEG) + FOLDS
"""Parts of the work of `calibrate`."""


def fit_loss(measured: Measurements, network: Network) -> Parameters:
    """Fit path loss and shadowing alone.

    Args:
        measured: What was measured where.
        network: What is known of the network; its tilts are taken as they are.

    Returns:
        The parameters, with the scenario's correlation distances and no tilt offset.
    """
    heard = _Heard.of(measured, network)
    return _parameters(_fit(heard, _start(heard, network), with_tilt=False), network.scenario)


def place_cells(measured: Measurements, network: Network) -> Network:
    """Estimate where the cells are, along with the path loss.

    A cell is put where the fitted loss explains best what was heard of it: no nearer to the truth
    than the road around it allows, and from a straight road on either side of it.

    Args:
        measured: What was measured where.
        network: The network; the cells' positions are taken from the measurements, not from it.

    Returns:
        The network with its cells where they seem to stand.
    """
    cells = network.cells
    x_m, y_m = cells.x_m.copy(), cells.y_m.copy()
    heard = [np.flatnonzero(measured.cell == cell) for cell in range(len(x_m))]
    for cell, rows in enumerate(heard):
        strong = rows[measured.rsrp_dbm[rows] >= np.quantile(measured.rsrp_dbm[rows], 0.8)]
        x_m[cell], y_m[cell] = measured.x_m[strong].mean(), measured.y_m[strong].mean()
    for _ in range(_PLACING_ROUNDS):
        network = network._replace(cells=replace(cells, x_m=x_m.copy(), y_m=y_m.copy()))
        loss = fit_loss(measured, network._replace(margin_db=None)).loss
        for cell, rows in enumerate(heard):
            x_m[cell], y_m[cell] = _best_place(measured.only(rows), network, cell, loss)
    return network._replace(cells=replace(cells, x_m=x_m, y_m=y_m))


def _best_place(
    measured: Measurements, network: Network, cell: int, loss: MeasuredLoss
) -> tuple[float, float]:
    height_m = network.cells.height_m[cell] - measured.height_m
    heard_db = network.element_power_dbm[cell] + network.ue_gain_dbi - measured.rsrp_dbm

    def error_db(place: Floats) -> Floats:
        flat_m = np.hypot(measured.x_m - place[0], measured.y_m - place[1])
        distance_m = np.hypot(flat_m, height_m)
        seen = los_probability(network.scenario, flat_m, ue_height_m=measured.height_m)
        in_sight, blocked = (state.loss_db(distance_m, network.carrier_ghz) for state in loss)
        return np.asarray(heard_db - (seen * in_sight + (1.0 - seen) * blocked))

    start = np.array([network.cells.x_m[cell], network.cells.y_m[cell]])
    around = [(0.0, 0.0), (150.0, 0.0), (-150.0, 0.0), (0.0, 150.0), (0.0, -150.0)]
    tried = [
        least_squares(error_db, start + offset, loss="soft_l1", f_scale=6.0) for offset in around
    ]
    best = min(tried, key=lambda one: float(one.cost))
    return float(best.x[0]), float(best.x[1])


class _Heard(NamedTuple):
    """Rows as the fit sees them: the cell that was measured, then those that could have been.

    Of each other site that is the sector which points there best: sectors of one site share their
    shadowing. (n, 1 + rivals) each; a rival that there isn't has a budget of -inf.
    """

    rsrp_dbm: Floats
    """What was measured (n,)."""
    margin_db: float
    carrier_ghz: float
    distance_m: Floats
    flat_m: Floats
    seen: Floats
    """Probability of line of sight beforehand."""
    mast_height_m: Floats
    height_m: Floats
    budgets_dbm: Floats
    """What is heard plus the path loss, by tilt offset (n, 1 + rivals, tilts)."""

    @classmethod
    def of(cls, measured: Measurements, network: Network) -> _Heard:
        """Return what could be heard where something was measured."""
        cells, cell = network.cells, measured.cell
        place = measured.x_m, measured.y_m, measured.height_m
        east_m, north_m = place[0][:, None] - cells.x_m, place[1][:, None] - cells.y_m
        flat_m = np.hypot(east_m, north_m)
        distance_m = np.hypot(flat_m, place[2][:, None] - cells.height_m)
        seen = los_probability(network.scenario, flat_m, ue_height_m=place[2][:, None])
        if network.sight is not None:
            masts = network.sight.from_masts(cells.x_m, cells.y_m, cells.height_m)
            seen = masts.in_sight(place[0], place[1]).astype(np.float64)
        power_dbm = network.element_power_dbm + network.ue_gain_dbi
        columns = cell[:, None]
        if network.margin_db is not None:
            # Roughly how loud each is heard: the distance counts more than anything else.
            loud_db = power_dbm + cells.antenna_gain_dbi(*place) - 35.0 * np.log10(distance_m)
            columns = np.concatenate([columns, _rivals(loud_db, cells.site_key, cell)], axis=1)
        rows, chosen = np.arange(len(cell))[:, None], np.maximum(columns, 0)
        budgets_dbm = np.empty((*chosen.shape, len(_TILTS_DEG)))
        for number, offset_deg in enumerate(_TILTS_DEG):
            tilted = replace(cells, downtilt_rad=cells.downtilt_rad + np.radians(offset_deg))
            budgets_dbm[..., number] = (power_dbm + tilted.antenna_gain_dbi(*place))[rows, chosen]
        budgets_dbm[columns < 0] = -np.inf
        return cls(
            measured.rsrp_dbm,
            network.margin_db or 0.0,
            network.carrier_ghz,
            np.maximum(distance_m[rows, chosen], 1.0),
            flat_m[rows, chosen],
            np.clip(seen[rows, chosen], _SURE, 1.0 - _SURE),
            cells.height_m[chosen],
            np.broadcast_to(measured.height_m[:, None], chosen.shape),
            budgets_dbm,
        )

    def only(self, rows: Bools) -> _Heard:
        """Return some of the rows."""
        return self._replace(
            rsrp_dbm=self.rsrp_dbm[rows],
            distance_m=self.distance_m[rows],
            flat_m=self.flat_m[rows],
            seen=self.seen[rows],
            mast_height_m=self.mast_height_m[rows],
            height_m=self.height_m[rows],
            budgets_dbm=self.budgets_dbm[rows],
        )

    def budget_dbm(self, tilt_offset_deg: float) -> Floats:
        """Return what is heard plus the path loss, with all tilts moved (n, 1 + rivals)."""
        place = np.clip((tilt_offset_deg - _TILTS_DEG[0]) / _TILT_STEP_DEG, 0, len(_TILTS_DEG) - 1)
        low = min(int(place), len(_TILTS_DEG) - 2)
        part = place - low
        # An absent rival's -inf stays: both ends of the interpolation have it.
        return np.asarray(
            (1.0 - part) * self.budgets_dbm[..., low] + part * self.budgets_dbm[..., low + 1]
            if 0.0 < part < 1.0
            else self.budgets_dbm[..., low + round(part)]
        )


class _States(NamedTuple):
    """What is heard in sight and out of it (n, 1 + rivals, 2): its mean and its spread."""

    mean_dbm: Floats
    sigma_db: Floats


def _rivals(loud_db: Floats, site_key: NDArray[np.uint64], cell: Ints) -> Ints:
    """Return the best sector of each of the loudest other sites (n, rivals), -1 for none."""
    sites, of_site = np.unique(site_key, return_inverse=True)
    best = np.stack(
        [
            np.flatnonzero(of_site == one)[loud_db[:, of_site == one].argmax(axis=1)]
            for one in range(len(sites))
        ],
        axis=1,
    )
    rows = np.arange(len(cell))[:, None]
    loud = loud_db[rows, best]
    loud[of_site[best] == of_site[cell][:, None]] = -np.inf
    order = np.argsort(-loud, axis=1, kind="stable")[:, :_RIVALS]
    return np.where(np.isfinite(loud[rows, order]), best[rows, order], -1)


def _parameters(vector: Floats, scenario: Scenario) -> Parameters:
    """Return what a vector of the search stands for."""
    distances = CORRELATION_DISTANCES[scenario]
    correlation_m = distances.shadowing_los_m, distances.shadowing_nlos_m
    states = []
    for number in range(2):
        exponent, level_db, log_sigma = vector[3 * number : 3 * number + 3].tolist()
        offset_db = level_db - exponent * _LEVEL_DECADES
        states.append(
            LogDistance(exponent, offset_db, float(np.exp(log_sigma)), correlation_m[number])
        )
    return Parameters(MeasuredLoss(*states), float(vector[6]))


def _states(vector: Floats, heard: _Heard) -> _States:
    budget_dbm = heard.budget_dbm(float(vector[6]))
    decades = 10.0 * np.log10(heard.distance_m) - _LEVEL_DECADES
    carrier_db = 20.0 * np.log10(heard.carrier_ghz)
    exponent, level_db, log_sigma = vector[:6].reshape(2, 3).T
    mean_dbm = budget_dbm[..., None] - level_db - exponent * decades[..., None] - carrier_db
    return _States(mean_dbm, np.broadcast_to(np.exp(log_sigma), mean_dbm.shape))


def _scenario_states(heard: _Heard, network: Network) -> _States:
    link = network.scenario, heard.flat_m, network.carrier_ghz
    masts_m, stations_m = heard.mast_height_m, heard.height_m
    losses = path_losses_db(*link, bs_height_m=masts_m, ue_height_m=stations_m)
    spreads = sigmas_db(*link, bs_height_m=masts_m, ue_height_m=stations_m)
    budget_dbm = heard.budget_dbm(0.0)
    return _States(
        np.stack([budget_dbm - loss for loss in losses], axis=-1),
        np.stack(np.broadcast_arrays(*spreads), axis=-1),
    )


def _start(heard: _Heard, network: Network) -> Floats:
    """Return lines through the scenario's own formulas over the distances that were measured."""
    states = _scenario_states(heard, network)
    decades = 10.0 * np.log10(heard.distance_m[:, 0]) - _LEVEL_DECADES
    carrier_db = 20.0 * np.log10(network.carrier_ghz)
    vector = []
    for number in range(2):
        loss_db = heard.budget_dbm(0.0)[:, 0] - states.mean_dbm[:, 0, number] - carrier_db
        exponent, level_db = np.polyfit(decades, loss_db, 1) if np.ptp(decades) > 1.0 else (
            3.0, loss_db.mean())  # fmt: skip
        exponent = float(np.clip(exponent, *_EXPONENTS))
        vector += [exponent, level_db, np.log(states.sigma_db[:, 0, number].mean())]
    return np.array([*vector, 0.0])


def _near_best_tilt(heard: _Heard, start: Floats, on_step: Callable[[], None]) -> Floats:
    """Return a start near the best tilt: side lobes give the likelihood more than one top."""
    best, most = start, -np.inf
    for way in (_TILTS_DEG[_TILTS_DEG >= 0.0], _TILTS_DEG[_TILTS_DEG < 0.0][::-1]):
        found = start
        for offset_deg in way:
            found = _fit(heard, np.append(found[:6], offset_deg), with_tilt=False, iterations=6)
            likelihood = float(_log_likelihoods(found, heard).sum())
            if likelihood > most:
                best, most = found, likelihood
            on_step()
    return best


def _fit(heard: _Heard, start: Floats, *, with_tilt: bool, iterations: int = 200) -> Floats:
    tilt_deg = float(start[6])
    bounds = [_EXPONENTS, (0.0, 250.0), _LOG_SIGMAS] * 2
    bounds.append((float(_TILTS_DEG[0]), float(_TILTS_DEG[-1])) if with_tilt else (tilt_deg,) * 2)

    def unlikely(vector: Floats) -> float:
        return -float(_log_likelihoods(vector, heard).mean())

    found = minimize(
        unlikely,
        start,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": iterations},
    )
    return np.asarray(found.x)


def _log_likelihoods(vector: Floats, heard: _Heard) -> Floats:
    """Return each row's log-likelihood (n,)."""
    return np.asarray(logsumexp(_log_joint(_states(vector, heard), heard), axis=1))


def _shares(vector: Floats, heard: _Heard) -> Floats:
    """Return how likely each row is of either state (n, 2)."""
    joint = _log_joint(_states(vector, heard), heard)
    return np.asarray(np.exp(joint - logsumexp(joint, axis=1)[:, None]))


def _log_joint(states: _States, heard: _Heard) -> Floats:
    """Return the log-density of what was measured, with either state (n, 2)."""
    sigma_db = states.sigma_db[:, 0]
    normal = (states.mean_dbm[:, 0] - heard.rsrp_dbm[:, None]) / sigma_db
    density = -0.5 * normal**2 - np.log(sigma_db) - 0.5 * np.log(2.0 * np.pi)
    weaker = _log_weaker(normal, heard.rsrp_dbm[:, None], states, heard)
    return np.asarray(_log_prior(heard) + density + weaker)


def _log_prior(heard: _Heard) -> Floats:
    seen = heard.seen[:, 0]
    return np.asarray(np.log(np.stack([seen, 1.0 - seen], axis=1)))


def _log_weaker(normal: Floats, level_dbm: Floats, states: _States, heard: _Heard) -> Floats:
    """Return the log-probability that all rivals are weaker (n, 2), by the state of the link.

    Args:
        normal: Shadowing of the link in standard deviations, by its state (n, 2); with it goes half
            of the rivals' in the same state.
        level_dbm: How it is heard then (n, 2) or (n, 1) [dBm].
        states: How rivals are heard.
        heard: The rows.
    """
    log_all = np.zeros(np.broadcast_shapes(normal.shape, level_dbm.shape))
    for rival in range(1, heard.distance_m.shape[1]):
        weaker = np.zeros_like(log_all)
        for state in range(2):
            mean_dbm, sigma_db = states.mean_dbm[:, rival, state], states.sigma_db[:, rival, state]
            over = (mean_dbm[:, None] - level_dbm - heard.margin_db) / sigma_db[:, None]
            alike = np.where(np.arange(2) == state, SITE_CORRELATION, 0.0)
            seen = heard.seen[:, rival]
            weight = seen if state == 0 else 1.0 - seen
            weaker += weight[:, None] * ndtr((alike * normal - over) / np.sqrt(1.0 - alike**2))
        log_all += np.log(np.maximum(weaker, _TINY))
    return log_all


def _expected_dbm(heard: _Heard, states: _States) -> Floats:
    """Return the RSRP to expect of a cell that serves, from where it is heard alone (n,)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    total, level = np.zeros(len(heard.rsrp_dbm)), np.zeros(len(heard.rsrp_dbm))
    for node, weight in zip(nodes, weights, strict=True):
        normal = np.full((len(total), 2), node)
        level_dbm = states.mean_dbm[:, 0] - states.sigma_db[:, 0] * node
        chance = np.exp(_log_prior(heard) + _log_weaker(normal, level_dbm, states, heard)) * weight
        total += chance.sum(axis=1)
        level += (chance * level_dbm).sum(axis=1)
    return np.asarray(level / total)


def _held_out_dbm(
    heard: _Heard, block: Ints, start: Floats, *, with_tilt: bool, on_step: Callable[[], None]
) -> Floats:
    """Return the RSRP that is expected in each part by what is fitted to the others (n,)."""
    fold = block * FOLDS // (int(block.max()) + 1)
    expected_dbm = np.full(len(block), np.nan)
    for left_out in range(FOLDS):
        part = fold == left_out
        if part.any() and not part.all():
            vector = _fit(heard.only(~part), start, with_tilt=with_tilt)
            expected_dbm[part] = _expected_dbm(heard.only(part), _states(vector, heard.only(part)))
        on_step()
    return expected_dbm


def _deviations(vector: Floats, heard: _Heard, block: Ints, *, with_tilt: bool) -> Parameters:
    """Return standard deviations by the sandwich over stretches of road."""
    free = len(vector) if with_tilt else len(vector) - 1
    steps = np.diag(np.full(len(vector), 1e-3))[:free]
    scores = np.stack(
        [
            (_log_likelihoods(vector + step, heard) - _log_likelihoods(vector - step, heard)) / 2e-3
            for step in steps
        ],
        axis=1,
    )
    by_block = np.zeros((int(block.max()) + 1, free))
    np.add.at(by_block, block, scores)

    def total(at: Floats) -> float:
        return float(_log_likelihoods(at, heard).sum())

    curvature = np.empty((free, free))
    for i, one in enumerate(steps):
        for j, other in enumerate(steps):
            curvature[i, j] = (
                total(vector + one + other) - total(vector + one - other)
                - total(vector - one + other) + total(vector - one - other)
            ) / 4e-6  # fmt: skip
    inverse = np.linalg.pinv(curvature)
    spread = np.zeros((len(vector), len(vector)))
    spread[:free, :free] = inverse @ (by_block.T @ by_block) @ inverse.T
    states = []
    for number in range(2):
        here = spread[3 * number : 3 * number + 3, 3 * number : 3 * number + 3]
        # Of the level at the middle of the measurements the offset is a mixture with the slope.
        to_offset = np.array([-_LEVEL_DECADES, 1.0, 0.0])
        sigma_db = np.exp(vector[3 * number + 2])
        variances = here[0, 0], to_offset @ here @ to_offset, sigma_db**2 * here[2, 2]
        exponent, offset_db, sigma = np.sqrt(np.maximum(variances, 0.0)).tolist()
        states.append(LogDistance(exponent, offset_db, sigma, 0.0))
    return Parameters(MeasuredLoss(*states), float(np.sqrt(max(spread[6, 6], 0.0))))


def _with_correlation(
    measured: Measurements, heard: _Heard, vector: Floats, share: Floats, scenario: Scenario
) -> Parameters:
    """Return the parameters with correlation distances of what is left over along the drive."""
    fitted = _parameters(vector, scenario)
    states = _states(vector, heard)
    normal = (states.mean_dbm[:, 0] - heard.rsrp_dbm[:, None]) / states.sigma_db[:, 0]
    return fitted._replace(
        loss=MeasuredLoss(
            *(
                state._replace(
                    correlation_distance_m=_correlation_distance_m(
                        measured,
                        normal[:, number],
                        share[:, number] > 0.5,
                        otherwise_m=state.correlation_distance_m,
                    )
                )
                for number, state in enumerate(fitted.loss)
            )
        )
    )


def _correlation_distance_m(
    measured: Measurements, normals: Floats, of_state: Bools, *, otherwise_m: float
) -> float:
    """Return where the autocorrelation of normals along the drives has fallen to 1/e."""
    lags, products = [], []
    for ahead in range(1, min(_LAG_ROWS, len(normals) - 1)):
        pairs = of_state[:-ahead] & of_state[ahead:]
        pairs &= measured.drive[:-ahead] == measured.drive[ahead:]
        pairs &= measured.cell[:-ahead] == measured.cell[ahead:]
        here, there = np.flatnonzero(pairs), np.flatnonzero(pairs) + ahead
        lags.append(
            np.hypot(
                measured.x_m[here] - measured.x_m[there], measured.y_m[here] - measured.y_m[there]
            )
        )
        products.append(normals[here] * normals[there])
    lag_m, product = np.concatenate(lags), np.concatenate(products)
    near = lag_m < _LAG_M
    if near.sum() < _LEAST_PAIRS:
        return otherwise_m
    try:
        (scale_m,), _ = curve_fit(
            lambda lag, scale: np.exp(-lag / scale), lag_m[near], product[near],
            p0=[otherwise_m], bounds=(1.0, _LAG_M),
        )  # fmt: skip
    except RuntimeError:
        return otherwise_m
    return float(scale_m)


def _utilisation(measured: Measurements, network: Network, fitted: Parameters) -> float | None:
    """Return the share of resource blocks in use that explains the SINR best; None without any.

    Each other cell is heard with the power that is to be expected of one no louder than it may be.
    """
    known = np.isfinite(measured.sinr_db)
    if network.margin_db is None or known.sum() < LEAST_ROWS:
        return None
    some = measured.only(known)
    cells = network.cells
    cells = replace(cells, downtilt_rad=cells.downtilt_rad + np.radians(fitted.tilt_offset_deg))
    budget_dbm = cells.antenna_gain_dbi(some.x_m, some.y_m, some.height_m)
    budget_dbm += network.element_power_dbm + network.ue_gain_dbi
    flat_m = np.hypot(some.x_m[:, None] - cells.x_m, some.y_m[:, None] - cells.y_m)
    distance_m = np.hypot(flat_m, some.height_m[:, None] - cells.height_m)
    seen = los_probability(network.scenario, flat_m, ue_height_m=some.height_m[:, None])
    if network.sight is not None:
        masts = network.sight.from_masts(cells.x_m, cells.y_m, cells.height_m)
        seen = masts.in_sight(some.x_m, some.y_m).astype(np.float64)
    most_dbm = (some.rsrp_dbm + network.margin_db)[:, None]
    chance, power_mw = np.zeros_like(flat_m), np.zeros_like(flat_m)
    for state, weight in zip(fitted.loss, (seen, 1.0 - seen), strict=True):
        mean_dbm = budget_dbm - state.loss_db(distance_m, network.carrier_ghz)
        sigma_db = state.shadowing_sigma_db
        up_to = (most_dbm - mean_dbm) / sigma_db
        # The mean of a log-normal variable that is cut off above.
        widening = np.log(10.0) / 10.0 * sigma_db
        chance += weight * np.maximum(ndtr(up_to), _TINY)
        power_mw += (
            weight
            * 10.0 ** (mean_dbm / 10.0)
            * np.exp(widening**2 / 2.0)
            * np.maximum(ndtr(up_to - widening), _TINY)
        )
    others_mw = np.where(
        cells.site_key == cells.site_key[some.cell][:, None], 0.0, power_mw / chance
    ).sum(axis=1)
    # Sectors of the serving site are heard through its own shadowing.
    same_mw = 10.0 ** ((some.rsrp_dbm[:, None] + budget_dbm) / 10.0)
    same_mw /= 10.0 ** (budget_dbm[np.arange(len(some.cell)), some.cell][:, None] / 10.0)
    same = cells.site_key == cells.site_key[some.cell][:, None]
    same[np.arange(len(some.cell)), some.cell] = False
    others_mw += np.where(same, same_mw, 0.0).sum(axis=1)
    noise_mw = 10.0 ** (network.noise_dbm / 10.0)

    def error(share: float) -> float:
        sinr_db = some.rsrp_dbm - 10.0 * np.log10(noise_mw + share * others_mw)
        return float(np.abs(sinr_db - some.sinr_db).mean())

    return float(minimize_scalar(error, bounds=(0.0, 1.0), method="bounded").x)


def _rms(errors: Floats) -> float:
    known = errors[np.isfinite(errors)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else float("nan")
