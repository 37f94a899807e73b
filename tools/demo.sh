#!/bin/sh
# The main job on drawn dogs: build the kernel, rehearse it with a short budget, check and score.
# Use: tools/demo.sh PYTHON, from the project's root.
set -eu
python=$1
out=runs/demo
seconds=${DEMO_SECONDS:-300}

echo "== build the kernel"
"$python" build_kernel.py
dogs=$("$python" -m local draw)
echo "== rehearse it on $dogs, with $seconds seconds in place of hours"
"$python" -m submission rehearse --data "$dogs" --limit "$seconds" --out $out/images.zip
echo "== check its archive"
"$python" -m submission check $out/images.zip --sheet $out/sheet.png
echo "== score 2,000 of its pictures against 2,000 drawn dogs"
"$python" -m mifid $out/images.zip --real "$dogs" --limit 2000
echo
echo "sample sheet: $out/sheet.png"
echo "The dogs are drawn and the training short: this shows that all parts work, not how good a GAN is."
