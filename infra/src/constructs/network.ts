import type { Config } from '../config.ts'
import { nameAll } from '../naming.ts'
import { tagsOf } from '../stack.ts'
import {
  Construct,
  NatGateway,
  NatGatewayPublicIpAssociation,
  NetworkSecurityGroup,
  PublicIp,
  Subnet,
  SubnetNatGatewayAssociation,
  SubnetNetworkSecurityGroupAssociation,
  VirtualNetwork,
} from '../tf.ts'

export interface Network {
  readonly nodeSubnet: Subnet
  /** Where the cluster's API server is injected into the network. */
  readonly apiServerSubnet?: Subnet
  /** The one address that the cluster is seen from, where it has one. */
  readonly egressIp?: PublicIp
}

interface Place {
  readonly location: string
  readonly resourceGroupName: string
  readonly tags: Record<string, string>
}

/** A VNet with the nodes' subnet, closed from outside but for what may reach the Ingress. */
export function createNetwork(parent: Construct, config: Config, resourceGroupName: string): Network {
  const scope = new Construct(parent, 'network')
  const names = nameAll(config)
  const { network } = config.settings
  const place: Place = { location: config.location, resourceGroupName, tags: tagsOf(config) }

  const vnet = new VirtualNetwork(scope, 'vnet', { ...place, name: names.network, addressSpace: [network.vnetCidr] })
  const nodeSubnet = new Subnet(scope, 'nodes', {
    resourceGroupName,
    virtualNetworkName: vnet.name,
    name: names.nodeSubnet,
    addressPrefixes: [network.nodeSubnetCidr],
    defaultOutboundAccessEnabled: false,
  })
  guard(scope, config, place, nodeSubnet)
  const apiServerSubnet = network.apiServerSubnetCidr === null ? undefined : delegate(scope, config, vnet)
  const egressIp = network.outbound === 'natGateway' ? translate(scope, config, place, nodeSubnet) : undefined
  return { nodeSubnet, ...(apiServerSubnet && { apiServerSubnet }), ...(egressIp && { egressIp }) }
}

/** AKS never changes a security group that is not its own, so what the overlay and the Ingress need is allowed here. */
function guard(scope: Construct, config: Config, place: Place, subnet: Subnet): void {
  const { nodeSubnetCidr, podCidr, ingressSources } = config.settings.network
  const within = [nodeSubnetCidr, podCidr]
  const group = new NetworkSecurityGroup(scope, 'nsg', {
    ...place,
    name: nameAll(config).securityGroup,
    securityRule: [
      {
        name: 'AllowNodesAndPods',
        description: 'Nodes and pods of the overlay among each other',
        direction: 'Inbound',
        access: 'Allow',
        priority: 100,
        protocol: '*',
        sourceAddressPrefixes: within,
        sourcePortRange: '*',
        destinationAddressPrefixes: within,
        destinationPortRange: '*',
      },
      ...ingressSources.map((source, index) => ({
        name: `AllowIngress${index}`,
        description: 'Clients of the Ingress',
        direction: 'Inbound',
        access: 'Allow',
        priority: 200 + index,
        protocol: 'Tcp',
        sourceAddressPrefix: source,
        sourcePortRange: '*',
        destinationAddressPrefix: '*',
        destinationPortRanges: ['80', '443'],
      })),
    ],
  })
  new SubnetNetworkSecurityGroupAssociation(scope, 'nsg-of-nodes', {
    subnetId: subnet.id,
    networkSecurityGroupId: group.id,
  })
}

function delegate(scope: Construct, config: Config, vnet: VirtualNetwork): Subnet {
  const { apiServerSubnetCidr } = config.settings.network
  return new Subnet(scope, 'api-server', {
    resourceGroupName: vnet.resourceGroupName,
    virtualNetworkName: vnet.name,
    name: nameAll(config).apiServerSubnet,
    addressPrefixes: apiServerSubnetCidr === null ? [] : [apiServerSubnetCidr],
    defaultOutboundAccessEnabled: false,
    delegation: [
      {
        name: 'aks',
        serviceDelegation: {
          name: 'Microsoft.ContainerService/managedClusters',
          actions: ['Microsoft.Network/virtualNetworks/subnets/join/action'],
        },
      },
    ],
  })
}

/** One fixed address outwards, which others can allow. */
function translate(scope: Construct, config: Config, place: Place, subnet: Subnet): PublicIp {
  const names = nameAll(config)
  const address = new PublicIp(scope, 'egress-ip', {
    ...place,
    name: names.egressIp,
    sku: 'Standard',
    allocationMethod: 'Static',
    // Not those of the cluster: of two zones Azure makes all, which each plan would take for another address; and the
    // address must not change with the cluster.
    zones: ['1', '2', '3'],
  })
  // A gateway of this SKU is in one zone, which Azure chooses: README.md says what that means.
  const gateway = new NatGateway(scope, 'nat', { ...place, name: names.natGateway, skuName: 'Standard' })
  new NatGatewayPublicIpAssociation(scope, 'nat-ip', { natGatewayId: gateway.id, publicIpAddressId: address.id })
  new SubnetNatGatewayAssociation(scope, 'nat-of-nodes', { natGatewayId: gateway.id, subnetId: subnet.id })
  return address
}
