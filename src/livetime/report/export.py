"""Write draws and the observed spectrum to files that other programs read."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import arviz
import numpy as np
import xarray
from astropy.table import Table

from livetime.check.arrays import Floats
from livetime.outputs import write_text, write_whole
from livetime.simulate.prior import Samples

_UNITS = {"freq": "Hz", "energy": "keV", "exposure": "s"}
"""Units of the columns of an observed spectrum; half widths have that of the first column."""
POWER_COMMENTS = (
    "Averaged power spectrum in the Leahy norm, as the network saw it.",
    "half_width: of a bin; segments: number averaged; noise_level: of a constant source.",
    "stingray: Powerspectrum.read('power_spectrum.csv', fmt='ascii.ecsv')",
    "pandas: read_csv('power_spectrum.csv', comment='#')",
    "XSPEC: ftflx2xsp power_spectrum.txt power.pha power.rsp; its columns are f_low, f_high,",
    "power x (f_high - f_low) and its error, in Hz and Leahy units.",
)
SOURCE_COMMENTS = (
    "Power of the rate without dead time and noise, in (fractional rms)^2/Hz: posterior mean.",
    "power_err: standard deviation; source_power_covariance.txt: covariance between the bins.",
    "stingray: Powerspectrum.read('source_power.csv', fmt='ascii.ecsv')",
    "XSPEC: ftflx2xsp source_power.txt power.pha power.rsp; errors without their covariance.",
)
COUNTS_COMMENTS = (
    "Spectrum of counts in groups of channels, as the network saw it.",
    "astropy: Table.read('spectrum.csv', format='ascii.ecsv')",
)


def export(result: Any, folder: Path) -> None:
    """Write posterior.nc, draws.csv and the observed spectrum into a folder.

    Arguments:
        result: of a question; files without numbers are not written.
        folder: that exists.
    """
    if result.question == "posterior":
        write_whole(folder / "posterior.nc", netcdf(result.to_arviz()))
        write_text(folder / "draws.csv", draws_csv(result.samples))
        _export_source(result, folder)
    table = result.spectrum()
    if "power" in table:
        write_text(folder / "power_spectrum.csv", ecsv(table, POWER_COMMENTS))
        write_text(folder / "power_spectrum.txt", xspec_text(table))
    if "counts" in table:
        write_text(folder / "spectrum.csv", ecsv(table, COUNTS_COMMENTS))


def _export_source(result: Any, folder: Path) -> None:
    """Write the power of a source without named shapes, and its covariance."""
    if result.source is None:
        return
    table = result.source.table()
    covariance = io.StringIO()
    np.savetxt(covariance, result.source.covariance, fmt="%.8g")
    write_text(folder / "source_power.csv", ecsv(table, SOURCE_COMMENTS, norm="frac"))
    write_text(folder / "source_power.txt", xspec_text(table))
    write_text(folder / "source_power_covariance.txt", covariance.getvalue())


def netcdf(data: arviz.InferenceData) -> bytes:
    """Make the bytes of a netCDF file in memory.

    HDF5 aborts the process if the disk is full; writing bytes raises OSError.

    Arguments:
        data: groups of draws.

    Examples:
        >>> draws = arviz.from_dict(posterior={"rate": np.ones((1, 3))})
        >>> netcdf(draws)[1:4]
        b'HDF'
    """
    groups = {name: data[name] for name in data.groups()}
    tree = xarray.DataTree.from_dict(groups)
    tree.attrs = dict(data.attrs)
    return bytes(tree.to_netcdf(None, engine="h5netcdf"))


def draws_csv(samples: Mapping[str, Samples]) -> str:
    """Make a table of the draws of all methods, in physical units.

    Arguments:
        samples: draws by method.

    Examples:
        >>> from livetime.simulate.prior import Prior, Range
        >>> prior = Prior({"rate": Range(1.0, 100.0, "log", "counts/s")})
        >>> print(draws_csv({"network": Samples(np.ones((1, 1)), prior)}), end="")
        method,rate [counts/s]
        network,10
    """
    prior = next(iter(samples.values())).prior
    names = []
    for name, bounds in prior.parameters.items():
        unit = f" [{bounds.unit}]" if bounds.unit else ""
        names.append(name + unit)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", *names])
    for method, draws in samples.items():
        columns = list(draws.physical().values())
        rows = np.stack(columns, axis=1).tolist()
        for row in rows:
            cells = [f"{value:.8g}" for value in row]
            writer.writerow([method, *cells])
    return text.getvalue()


def ecsv(table: Mapping[str, Floats], comments: tuple[str, ...], norm: str = "leahy") -> str:
    """Make a comma-separated table with units and comments in its header.

    The format is ECSV, which astropy and stingray read; its header lines begin with `#`.

    Arguments:
        table: column name -> (F,).
        comments: lines of the header.
        norm: of the power, as stingray calls it.

    Examples:
        >>> ecsv({"freq": np.array([1.0])}, ("of a test",)).splitlines()[-2:]
        ['freq', '1.0']
    """
    columns = Table(dict(table))
    first = columns.colnames[0]
    for name in columns.colnames:
        quantity = first if name == "half_width" else name
        columns[name].unit = _UNITS.get(quantity)
    columns.meta["comments"] = list(comments)
    columns.meta["norm"] = norm if "power" in table else "counts"
    text = io.StringIO()
    columns.write(text, format="ascii.ecsv", delimiter=",")
    return text.getvalue()


def xspec_text(table: Mapping[str, Floats]) -> str:
    r"""Make the input of XSPEC's ftflx2xsp: four columns, without a header.

    They are lower and upper frequency of each bin in Hz, and power and error times its width
    (Ingram & Done 2012, appendix A, https://arxiv.org/abs/1108.0789).

    Arguments:
        table: of an observed power spectrum.

    Examples:
        >>> bins = {"freq": [1.0], "half_width": [0.25], "power": [2.0], "power_err": [0.5]}
        >>> xspec_text({name: np.array(values) for name, values in bins.items()})
        '0.75 1.25 1 0.25\n'
    """
    low = table["freq"] - table["half_width"]
    high = table["freq"] + table["half_width"]
    width = high - low
    power = table["power"] * width
    error = table["power_err"] * width
    lines = []
    for row in zip(low, high, power, error, strict=True):
        cells = [f"{value:.8g}" for value in row]
        lines.append(" ".join(cells))
    return "\n".join(lines) + "\n"
