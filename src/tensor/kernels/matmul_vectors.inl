// The choice between few and many rows on instruction sets without matrix tiles. See
// matmul.inl.

template <typename Format>
void multiply_quantized(const MatmulTask& task) {
  if (task.row_range.size() < 2 * kTileRows) {
    multiply_few<Format>(task);
  } else {
    multiply_many<TileEngine<Format>>(task);
  }
}
