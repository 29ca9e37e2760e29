"""Attribution: which pixels and layers a score of a network rests on."""
