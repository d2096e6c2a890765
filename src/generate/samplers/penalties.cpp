#include <fmt/format.h>

#include <algorithm>

#include "generate/samplers/samplers.h"
#include "generate/samplers/simple_sampler.h"

namespace jielong {

// Repetition penalty: Keskar et al. 2019 (CTRL); frequency and presence penalties: as in
// OpenAI's API. All three look at the last `penalty_window` tokens, prompt included.
std::unique_ptr<Sampler> make_penalties(const SamplerSettings& settings) {
  const auto repeat = static_cast<float>(settings.repeat_penalty);
  const auto frequency = static_cast<float>(settings.frequency_penalty);
  const auto presence = static_cast<float>(settings.presence_penalty);
  return make_simple_sampler(
      SamplerKind::penalties,
      fmt::format("penalties repeat {:g}, frequency {:g}, presence {:g}", repeat, frequency,
                  presence),
      [repeat, frequency, presence, window = settings.penalty_window](
          Distribution& distribution, const SamplerContext& context) {
        const std::size_t length =
            window < 0 ? context.history.size()
                       : std::min(context.history.size(), static_cast<std::size_t>(window));
        const auto recent = context.history.last(length);
        std::vector<Token> seen(recent.begin(), recent.end());
        std::sort(seen.begin(), seen.end());
        for (std::size_t i = 0; i < seen.size();) {
          std::size_t end = i;
          while (end < seen.size() && seen[end] == seen[i]) ++end;
          const float logit = distribution.logit(seen[i]);
          if (logit != Distribution::kExcluded) {
            const float repeated = logit > 0 ? logit / repeat : logit * repeat;
            const auto count = static_cast<float>(end - i);
            distribution.set_logit(seen[i], repeated - count * frequency - presence);
          }
          i = end;
        }
      });
}

}  // namespace jielong
