"""Photon spectra against closed forms, published cross sections and quadrature."""

import numpy as np
import pytest
from scipy import integrate

from livetime.simulate.photon_spectrum import ERG_PER_KEV, PhotonSpectrum, tbabs, wabs

EDGES = np.geomspace(0.3, 10, 400)
LOW, HIGH = EDGES[:-1], EDGES[1:]
POWER = PhotonSpectrum({"powerlaw": "powerlaw"}, absorption=None)
BODY = PhotonSpectrum({"body": "blackbody"}, absorption=None)
BOTH = PhotonSpectrum({"powerlaw": "powerlaw", "body": "blackbody"}, absorption="tbabs")
VALUES = {
    "n_h": 0.5,
    "powerlaw_norm": 2e-3,
    "powerlaw_index": 1.7,
    "body_norm": 1e-4,
    "body_temperature": 0.6,
}


# The numbers of XSPEC 6.35.1 (xspectrampoline 0.1.5), whose code is its own; in 1e-22 cm^2.
@pytest.mark.parametrize(
    ("energy", "sigma"), [(0.5, 7.35602), (1.0, 2.42200), (2.0, 0.430125), (5.0, 0.0352520)]
)
def test_wabs_equals_xspec(energy, sigma):
    assert wabs(energy) == pytest.approx(sigma, rel=2e-5)


@pytest.mark.parametrize(
    ("energy", "sigma"),
    [
        (0.2, 85.1298),
        (0.5, 6.29639),
        (1.0, 1.73754),
        (2.0, 0.292072),
        (5.0, 0.0239047),
        (10.0, 7.07722e-3),
    ],
)
def test_tbabs_equals_xspec_with_the_abundances_of_wilms(energy, sigma):
    assert tbabs(energy) == pytest.approx(sigma, rel=1.1e-3)


def test_wabs_has_the_k_edges_of_oxygen_and_iron_and_goes_on_as_the_third_power():
    for edge, jump in ((0.532, 1.3), (7.111, 1.4)):
        assert wabs(edge + 1e-6) > jump * wabs(edge - 1e-6)
    np.testing.assert_allclose(
        wabs([20.0, 40.0]) * np.array([20.0, 40.0]) ** 3, wabs(10.0) * 1000, rtol=1e-12
    )


@pytest.mark.parametrize("sigma", [wabs, tbabs])
def test_cross_sections_are_positive_and_fall_from_edge_to_edge(sigma):
    energy = np.geomspace(0.05, 30, 5000)
    assert (sigma(energy) > 0).all()
    assert sigma(10.0) < sigma(2.0) < sigma(0.5)


@pytest.mark.parametrize("index", [0.0, 1.0, 1 + 1e-10, 1.42, 3.0, -1.0])
def test_a_power_law_is_exact_in_bins_of_any_width(index):
    photons = POWER.photons(
        np.array([0.5]), np.array([8.0]), {"powerlaw_norm": 2.0, "powerlaw_index": index}
    )
    g = 1 - index
    exact = 2 * np.log(8 / 0.5) if abs(g) < 1e-9 else 2 * (8**g - 0.5**g) / g
    assert photons == pytest.approx(exact, rel=1e-9)


def test_bins_add_up_whatever_their_number():
    params = {"powerlaw_norm": 1.0, "powerlaw_index": 2.2}
    assert POWER.photons(LOW, HIGH, params).sum() == pytest.approx(
        POWER.photons(EDGES[:1], EDGES[-1:], params)[0], rel=1e-12
    )


def test_a_black_body_radiates_the_luminosity_that_its_norm_says():
    """1e39 erg/s from 10 kpc; XSPEC's constant 8.0525 is .25% above it."""
    expected = 1e39 / (4 * np.pi * (10 * 3.0856776e21) ** 2)
    assert BODY.energy_flux(1e-3, 60, {"body_norm": 1.0, "body_temperature": 1.0}) == pytest.approx(
        expected, rel=3e-3
    )


def test_a_black_body_keeps_its_luminosity_and_follows_wien():
    cool, hot = ({"body_norm": 1.0, "body_temperature": t} for t in (0.5, 1.0))
    assert BODY.energy_flux(1e-3, 30, cool) == pytest.approx(
        BODY.energy_flux(1e-3, 60, hot), rel=1e-6
    )
    fine = np.linspace(0.1, 5, 50001)
    peaks = [fine[BODY.photons(fine[:-1], fine[1:], p).argmax()] for p in (cool, hot)]
    assert peaks[1] == pytest.approx(1.5936, abs=1e-3)  # of E^2/(exp(E/kT) - 1)
    assert peaks[1] / peaks[0] == pytest.approx(2, rel=1e-3)


def density(energy):
    """Written out, once more."""
    v = VALUES
    power = v["powerlaw_norm"] * energy ** -v["powerlaw_index"]
    body = (
        8.0525
        * v["body_norm"]
        * energy**2
        / (v["body_temperature"] ** 4 * (np.exp(energy / v["body_temperature"]) - 1))
    )
    return (power + body) * np.exp(-v["n_h"] * tbabs(energy))


def test_the_absorbed_sum_against_quadrature():
    photons, ergs = (
        integrate.quad(f, 2, 7, limit=500, epsrel=1e-8)[0]
        for f in (density, lambda e: e * density(e))
    )
    assert BOTH.flux(2, 7, VALUES) == pytest.approx(photons, rel=1e-5)
    assert BOTH.energy_flux(2, 7, VALUES) == pytest.approx(ergs * ERG_PER_KEV, rel=1e-5)


def test_a_sum_is_the_sum_of_its_parts():
    parts = [
        PhotonSpectrum({name: shape}, "tbabs").photons(LOW, HIGH, VALUES)
        for name, shape in BOTH.components.items()
    ]
    np.testing.assert_allclose(BOTH.photons(LOW, HIGH, VALUES), sum(parts), rtol=1e-12)


@pytest.mark.parametrize("absorption", ["wabs", "tbabs"])
def test_no_column_no_absorption_and_columns_multiply(absorption):
    spectrum = PhotonSpectrum({"powerlaw": "powerlaw"}, absorption)
    bare = POWER.photons(LOW, HIGH, VALUES)
    np.testing.assert_allclose(
        spectrum.photons(LOW, HIGH, {**VALUES, "n_h": 0.0}), bare, rtol=1e-12
    )
    fine = np.linspace(3, 3.001, 5)
    low, high = fine[:-1], fine[1:]
    once, twice = (
        spectrum.photons(low, high, {**VALUES, "n_h": n}) / POWER.photons(low, high, VALUES)
        for n in (2.0, 4.0)
    )
    np.testing.assert_allclose(twice, once**2, rtol=1e-6)


def test_an_array_of_parameters_gives_a_spectrum_each():
    columns = {name: np.array([value, 2 * value]) for name, value in VALUES.items()}
    both = BOTH.photons(LOW, HIGH, columns)
    assert both.shape == (2, len(LOW))
    np.testing.assert_allclose(
        both[1],
        BOTH.photons(LOW, HIGH, {name: 2 * value for name, value in VALUES.items()}),
        rtol=1e-12,
    )
    np.testing.assert_allclose(BOTH.flux(1, 5, columns)[0], BOTH.flux(1, 5, VALUES), rtol=1e-12)
    np.testing.assert_allclose(
        BOTH.energy_flux(1, 5, columns)[0], BOTH.energy_flux(1, 5, VALUES), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("components", "absorption", "named"),
    [
        ({}, "wabs", "components"),
        ({"a": "line"}, "wabs", "components.a"),
        ({"a": "powerlaw"}, "phabs", "absorption"),
    ],
)
def test_what_it_does_not_know_is_named(components, absorption, named):
    with pytest.raises(ValueError, match=named):
        PhotonSpectrum(components, absorption)
