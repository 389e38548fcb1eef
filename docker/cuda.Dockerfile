# Etap on Hopper GPUs (H20, H100, H200); weights are mounted, never inside.
#   docker build -f docker/cuda.Dockerfile -t etap:cuda .
#   docker run --gpus all -v /models:/models:ro -v ./keys.yaml:/run/secrets/keys.yaml:ro \
#     -e ETAP_SERVER_API_KEY_FILE=/run/secrets/keys.yaml etap:cuda serve /models/DeepSeek-R1
# BASE runs, BUILD_BASE has nvcc 12.4 or newer; both are Ubuntu 24.04. NODE lends Node.js 22.
ARG BASE=nvidia/cuda:13.0.1-base-ubuntu24.04
ARG BUILD_BASE=nvidia/cuda:13.0.1-devel-ubuntu24.04
ARG NODE=node:22-bookworm-slim

FROM ${NODE} AS node

FROM ${BUILD_BASE} AS build
# g++ 12 is the compiler that the tests run with.
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake g++-12 ninja-build \
 && rm -rf /var/lib/apt/lists/*
ENV CC=gcc-12 CXX=g++-12 CUDAHOSTCXX=g++-12
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm install --no-save --no-audit --no-fund
COPY . .
# The steps of `npm run build:cuda`, without the tests and the tools.
RUN node -e "import('./tools/bootstrap/steps.mjs').then(async (steps) => { \
      await steps.buildTypeScript(); await steps.buildWebPage(); \
      await steps.buildNative({ tests: false }); await steps.buildCuda(); })"
RUN npm prune --omit=dev --no-save --no-audit --no-fund

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Etap" \
      org.opencontainers.image.description="OpenAI-compatible server for MLA language models, on Hopper GPUs" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN apt-get update \
 && apt-get install -y --no-install-recommends libstdc++6 tini \
 && rm -rf /var/lib/apt/lists/*
COPY --from=node /usr/local/bin/node /usr/local/bin/node
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/build/native/etap.node ./build/native/etap.node
COPY --from=build /app/build/cuda/libetap_cuda.so ./build/cuda/libetap_cuda.so
COPY --from=build /app/config ./config
COPY --from=build /app/docker/healthcheck.mjs ./docker/healthcheck.mjs
# `utility` brings nvidia-smi, which the GPU metrics read.
ENV NODE_ENV=production \
    ETAP_SERVER_HOST=0.0.0.0 \
    ETAP_CUDA_LIBRARY=/app/build/cuda/libetap_cuda.so \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Reading 671 GB of weights takes long; only then does a failure count.
HEALTHCHECK --interval=10s --timeout=5s --start-period=3600s --retries=3 \
  CMD ["node", "/app/docker/healthcheck.mjs"]
ENTRYPOINT ["tini", "--", "node", "/app/dist/cli.js"]
CMD ["serve", "/models"]
