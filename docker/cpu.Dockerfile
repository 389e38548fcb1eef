# Etap on the CPU, with the demo model inside.
#   docker build -f docker/cpu.Dockerfile -t etap:cpu .
# BASE is any Debian 12 or Ubuntu 24.04 with Node.js 22 and npm.
ARG BASE=node:22-bookworm-slim

FROM ${BASE} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake g++ ninja-build \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
# Dependencies first, so that a change of sources does not install them again.
COPY package.json package-lock.json ./
RUN npm install --no-save --no-audit --no-fund
COPY . .
# The steps of `npm start`, without starting and without the native tests.
RUN node -e "import('./tools/bootstrap/steps.mjs').then(async (steps) => { \
      await steps.buildTypeScript(); await steps.buildWebPage(); \
      await steps.buildNative({ tests: false }); })"
RUN npm prune --omit=dev --no-save --no-audit --no-fund

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Etap" \
      org.opencontainers.image.description="OpenAI-compatible server for MLA language models, on the CPU" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN apt-get update \
 && apt-get install -y --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/build/native/etap.node ./build/native/etap.node
COPY --from=build /app/config ./config
COPY --from=build /app/models/demo ./models/demo
COPY --from=build /app/docker/healthcheck.mjs ./docker/healthcheck.mjs
# Without keys the server refuses this address, unless told that it may.
ENV NODE_ENV=production ETAP_SERVER_HOST=0.0.0.0
# A number, so that Kubernetes can see that it is not root. Nothing below /app is written to.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
  CMD ["node", "/app/docker/healthcheck.mjs"]
ENTRYPOINT ["tini", "--", "node", "/app/dist/cli.js"]
CMD ["serve"]
