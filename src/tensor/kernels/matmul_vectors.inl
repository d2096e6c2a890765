// The choice between few and many rows on instruction sets without matrix tiles. See
// matmul.inl.

/// From this many rows on, taking a panel apart once pays.
constexpr std::int64_t kManyRows = 12;

template <typename Format>
void multiply_quantized(const MatmulTask& task) {
  if (task.row_range.size() < kManyRows) {
    multiply_few<Format>(task);
  } else {
    multiply_many<TileEngine<Format>>(task);
  }
}
