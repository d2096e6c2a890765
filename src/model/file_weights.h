#pragma once

#include <memory>

#include "model/tensor_file.h"
#include "model/weight_source.h"

namespace jielong {

/// A model's parameters from either kind of file, mapped; every shape is checked against what the
/// architecture expects.
class FileWeights : public WeightSource {
 public:
  FileWeights(std::shared_ptr<const TensorFile> file, Dialect dialect);

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
  const std::filesystem::path& path() const override { return file_->path(); }

 private:
  bool is_gguf() const { return dialect_.names.empty(); }
  std::string file_name(const std::string& name, std::int64_t expert = 0) const;
  const TensorInfo& require(const std::string& name, std::int64_t expert = 0) const;
  std::vector<float> floats(const std::string& name, const std::vector<std::int64_t>& shape,
                            std::int64_t first, std::int64_t count) const;
  Weight mapped(const std::string& name, const TensorInfo& info, std::int64_t out, std::int64_t in,
                std::span<const std::byte> data) const;

  std::shared_ptr<const TensorFile> file_;
  Dialect dialect_;
};

}  // namespace jielong
