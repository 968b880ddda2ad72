/* models.h - every model of this folder, for table.c. */
#ifndef SCALER_MODELS_MODELS_H
#define SCALER_MODELS_MODELS_H

#include "forecast/model.h"

extern const struct model model_ensemble;
extern const struct model model_fft;
extern const struct model model_harmonic;
extern const struct model model_level;
extern const struct model model_linear;
extern const struct model model_naive;
extern const struct model model_smoothing;

#endif
