"""Prints the tickets of a concert: one QR code each, as PNG images.

    python demo/tickets.py [--tickets N] [--mask 0..7] [--out FOLDER]

Without --out the images are made in memory and thrown away.
"""

import argparse
import io
import pathlib
import sys
import time

import qrcode


def ticket_text(number):
    row, seat = divmod(number, 50)
    return f"OPEN AIR 2026;ROW {row + 1};SEAT {seat + 1};NO {number:06d}"


def draw_ticket(text, mask):
    code = qrcode.QRCode(
        error_correction=qrcode.constants.ERROR_CORRECT_Q,
        border=2,
        box_size=3,
        mask_pattern=mask,
    )
    code.add_data(text)
    code.make()
    return code.make_image()


def save_ticket(image, number, folder):
    png = io.BytesIO()
    image.save(png, "PNG")
    if folder is not None:
        (folder / f"ticket-{number:06d}.png").write_bytes(png.getvalue())
    return len(png.getvalue())


def print_tickets(count, mask, folder):
    size = 0
    for number in range(count):
        image = draw_ticket(ticket_text(number), mask)
        size += save_ticket(image, number, folder)
        if (number + 1) % 500 == 0:
            print(f"{number + 1:,} tickets", file=sys.stderr)
    return size


def main():
    options = argparse.ArgumentParser(description="Prints the tickets of a concert.")
    options.add_argument("--tickets", type=int, default=2000, metavar="N")
    options.add_argument("--mask", type=int, choices=range(8), help="the QR mask to draw with")
    options.add_argument("--out", type=pathlib.Path, metavar="FOLDER")
    given = options.parse_args()
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    size = print_tickets(given.tickets, given.mask, given.out)
    seconds = time.perf_counter() - began
    print(f"{given.tickets:,} tickets, {size / 1e6:.1f} MB of PNG, {seconds:.2f} s")


if __name__ == "__main__":
    main()
