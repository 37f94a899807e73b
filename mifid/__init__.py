"""The public MiFID of Kaggle's "Generative Dog Images", reimplemented without TensorFlow.

Read it in the order of the computation: ``pictures`` -> ``network`` (made from ``graph``) ->
``features`` -> ``frechet`` and ``distance`` -> ``score``. ``profiles`` holds the rules of both
leaderboards, ``backend`` chooses what runs the network, ``cautions`` says what to mind,
``fetch`` gets the published graph, ``cache`` keeps real features, ``report`` gathers the further
metrics (a file each), ``processes`` spreads the work over several GPUs or machines, and
``python -m mifid --help`` shows the commands.

From Python::

    from mifid.score import score

    result = score("images.zip", "generative-dog-images.zip", graph="classify_image_graph_def.pb")
    print(result.mifid, result.label)
"""
