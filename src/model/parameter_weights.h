#pragma once

#include <filesystem>

#include "model/theta.h"
#include "model/weight_source.h"

namespace jielong {

/// Views of a model's trainable parameters, in GGUF's convention. Layers made from it compute with
/// whatever the parameters hold at the time.
class ParameterWeights : public WeightSource {
 public:
  ParameterWeights(std::shared_ptr<Theta> theta, std::filesystem::path path)
      : theta_(std::move(theta)), path_(std::move(path)) {}

  bool has(const std::string& name) const override;
  Weight rows(const std::string& name, std::int64_t total, std::int64_t in, std::int64_t first_row,
              std::int64_t out) const override;
  Weight table(const std::string& name, std::int64_t entries, std::int64_t channels) const override;
  Weight expert(const std::string& name, std::int64_t expert, std::int64_t experts,
                std::int64_t out, std::int64_t in) const override;
  Weight picked_rows(const std::string& name, std::int64_t total, std::int64_t in,
                     std::span<const std::int64_t> picks) const override;
  WeightVector values(const std::string& name, const std::vector<std::int64_t>& shape,
                      std::int64_t first, std::int64_t count) const override;
  WeightVector gain(const std::string& name, std::int64_t count) const override;
  std::vector<float> constants(const std::string& name, std::int64_t count) const override;
  std::int64_t rows_of(const std::string& name) const override;
  const std::filesystem::path& path() const override { return path_; }

 protected:
  enum class Use : std::uint8_t { matrix, gain, vector };
  /// The parameter of this name and shape. Throws Error when there is none, or of another shape.
  virtual const Parameter& find(const std::string& name, const std::vector<std::int64_t>& shape,
                                Use use) const;
  Theta& theta() const { return *theta_; }

 private:
  Weight view(const Parameter& parameter, std::int64_t first_row, std::int64_t out) const;
  WeightVector view_values(const Parameter& parameter, std::int64_t first,
                           std::int64_t count) const;

  std::shared_ptr<Theta> theta_;
  std::filesystem::path path_;
};

}  // namespace jielong
