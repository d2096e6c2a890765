#pragma once

#include "model/family.h"

namespace jielong {

extern const Family kLlama, kQwen2, kQwen3, kQwen3Moe, kGemma2, kGemma3, kGpt2, kPhi3, kBert,
    kMamba, kMamba2, kJamba, kFalconH1, kQwen3Next, kHybrid;

}  // namespace jielong
