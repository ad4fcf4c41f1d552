"""Listening tests: one HTML page that asks, and the statistics of what listeners answered.

Two kinds are offered. `plausibility` is the test of the deep-prior paper (its section on subjective tests, after
Greshler et al., Catch-A-Waveform, 2021): a listener hears the damaged recording and its restorations, rates how
plausible each of them is, and chooses the most plausible one; Table III counts the choices. `mushra` is ITU-R BS.1534:
every stimulus is rated from 0 to 100 against an open reference, with that reference and at least one anchor hidden
among them. It departs from the recommendation's third edition in three ways: the sliders lie on their side, there is no
training session, and the anchor is the low one alone unless more are asked for.

Order. Questions and stimuli are shuffled for each participant by a generator that the test's seed, the test's id and
the participant's id start (`order.js`), so the order can be made again; the order that was shown stands in the results
too.

Blinding. No method's name is shown, nor does one stand readably in the page: names are stored scrambled, because the
results must carry them. That keeps honest listeners blind. It is no secret: who reads the page's source with a little
patience can undo it, and who saves results half-way can read in them how the questions already answered were made up.

Level. One gain for each question brings its reference, or its damaged recording if there is no original, to the same
loudness (ITU-R BS.1770-4, integrated), and never lets a stimulus peak above -1 dBFS. The page itself has no volume: the
listener sets that of the device while the loudest passage of the test is playing.
"""
