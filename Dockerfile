# docker build -t gauntlet .
# docker run --rm -v "$PWD:/project:ro" gauntlet run --target https://gateway.example.com/mcp
FROM rust:1.94.1-slim-trixie AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY harness harness
COPY mocks mocks
COPY reports reports
COPY scenarios scenarios
# The caches stay with the builder; the layer has the program alone.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --release -p gauntlet-cli \
    && install -D target/release/gauntlet /out/gauntlet

FROM debian:trixie-slim
LABEL org.opencontainers.image.source="https://github.com/gauntlet-mcp/gauntlet" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"
# Targets are reached over TLS, for which the system's roots are asked.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/gauntlet /usr/local/bin/gauntlet
# Numbers, so that Kubernetes sees that it is not root; where there is no home, caches go to /tmp.
USER 65532:65532
ENV HOME=/tmp
# Where gauntlet.yaml and scenarios are mounted; without them the packs that come with Gauntlet run.
WORKDIR /project
ENTRYPOINT ["gauntlet"]
CMD ["run"]
