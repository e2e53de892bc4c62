"""Second-stage ranking: features, training windows, LambdaRank, serving, calibration."""
